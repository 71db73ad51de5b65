// The socket is beside the page, whatever host, port and scheme the page came from.
const socket = new URL("ws", window.location.href);
socket.protocol = socket.protocol.replace("http", "ws");
document.getElementById("terminal").dataset.sessionWebsocketUrl = socket.href;
