import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Sends events as a Java server would, with the client's default settings. Prints a line for each: its id and the status. */
class SendEvents {
    private static final String IDS = "\"p\":\"0:1:java\",\"s\":\"0:1:java\",\"v\":\"0:v\"";

    public static void main(String[] arguments) {
        String base = arguments[0];
        int each = Integer.parseInt(arguments[1]);
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < each; number++) { // one after the other, so on one connection
            for (String kind : List.of("beacon", "batch", "json", "chunked")) {
                send(client, base, kind, kind + "-" + number).join();
            }
        }
        List<CompletableFuture<Void>> running = new ArrayList<>(); // and together, so on many
        for (int number = each; number < 2 * each; number++) {
            for (String kind : List.of("beacon", "batch", "json", "chunked")) {
                running.add(send(client, base, kind, kind + "-" + number));
            }
        }
        running.forEach(CompletableFuture::join);
    }

    private static CompletableFuture<Void> send(HttpClient client, String base, String kind, String id) {
        return client.sendAsync(request(base, kind, id), BodyHandlers.ofString())
            .thenApply(HttpResponse::statusCode)
            .<Object>thenApply(status -> status)
            .exceptionally(error -> error)
            .thenAccept(outcome -> System.out.println(id + " " + outcome));
    }

    private static HttpRequest request(String base, String kind, String id) {
        String json = "{\"session_id\":\"0:1:java\",\"event_id\":\"" + id + "\",\"is_new_party\":true,"
            + "\"is_new_session\":false,\"client_timestamp_iso\":\"2026-01-31T12:00:00Z\"}";
        HttpRequest.Builder builder = switch (kind) {
            case "beacon" -> HttpRequest.newBuilder(
                URI.create(base + "/csc-event?p=0:1:java&s=0:1:java&v=0:v&c=1&n=t&f=f&e=" + id));
            case "batch" -> HttpRequest.newBuilder(URI.create(base + "/csc-batch"))
                .header("Content-Type", "text/plain")
                .POST(BodyPublishers.ofString("{\"events\":[{" + IDS + ",\"c\":1,\"e\":\"" + id + "\"}]}"));
            case "json" -> source(base).POST(BodyPublishers.ofString(json));
            default -> source(base) // of unknown length
                .POST(BodyPublishers.fromPublisher(BodyPublishers.ofString(json)));
        };
        return builder.build();
    }

    private static HttpRequest.Builder source(String base) {
        return HttpRequest.newBuilder(URI.create(base + "/json-event?p=0:1:java"))
            .header("Content-Type", "application/json");
    }
}
