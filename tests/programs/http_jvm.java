// com.sun.net.httpserver, run from source:  java http_jvm.java PORT [UPSTREAM_PORT]
// /hello  /echo  /leaf?QUERY  /chain?QUERY (by HttpURLConnection)        ends at SIGINT
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.Executors;

class HttpJvm {
    static int upstream;

    static byte[] answerOf(HttpExchange exchange) throws IOException {
        String query = String.valueOf(exchange.getRequestURI().getRawQuery());
        switch (exchange.getRequestURI().getPath()) {
        case "/echo":
            return exchange.getRequestBody().readAllBytes();
        case "/leaf":
            return (query + "\n").getBytes();
        case "/chain":
            var address = URI.create("http://127.0.0.1:" + upstream + "/leaf?" + query).toURL();
            try (var in = address.openConnection().getInputStream()) {
                return in.readAllBytes();
            }
        default:
            return "hello\n".getBytes();
        }
    }

    public static void main(String[] args) throws IOException {
        upstream = args.length > 1 ? Integer.parseInt(args[1]) : 0;
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 1024);
        server.createContext("/", exchange -> {
            byte[] body = answerOf(exchange);
            exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}
