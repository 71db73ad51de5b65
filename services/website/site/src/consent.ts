/** The visitor's own switch on the privacy page. */
export function watchConsent(): void {
  const state = document.getElementById("consent-state")!;
  const set = (given: boolean): void => {
    window.divolte?.consent(given);
    state.textContent = given ? "Tracking is on for this browser." : "Tracking is off for this browser; cookies and waiting events are gone.";
  };
  document.getElementById("refuse")!.addEventListener("click", () => set(false));
  document.getElementById("allow")!.addEventListener("click", () => set(true));
}
