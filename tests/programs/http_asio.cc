/*
 * A proxy whose connections belong to no thread: http_asio PORT UPSTREAM_PORT. Eight threads run one
 * loop of Asio's, and each step of a request is done by whichever is free, as Boost.Beast's servers do.
 *
 * GET /chain?QUERY asks the upstream for /leaf?QUERY, over connections that are kept.
 */
#include <asio.hpp>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using asio::ip::tcp;
using error = asio::error_code;

static asio::io_context loop(8);
static unsigned short upstream_port;
static std::mutex lock;
static std::vector<std::shared_ptr<tcp::socket>> kept;

struct request : std::enable_shared_from_this<request> {
    tcp::socket client;
    std::shared_ptr<tcp::socket> upstream;
    std::string in, out, query;

    explicit request(tcp::socket s) : client(std::move(s))
    {
    }

    template <typename Step> auto then(Step step)
    {
        return [self = shared_from_this(), step](error e, std::size_t) {
            if (!e)
                (self.get()->*step)();
        };
    }

    void read()
    {
        in.clear();
        asio::async_read_until(client, asio::dynamic_buffer(in), "\r\n\r\n", then(&request::ask));
    }

    void ask()
    {
        std::size_t from = in.find('?') + 1;
        query = in.substr(from, in.find(' ', from) - from);
        out = "GET /leaf?" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
        {
            std::lock_guard<std::mutex> held(lock);
            if (!kept.empty()) {
                upstream = kept.back();
                kept.pop_back();
            }
        }
        if (upstream)
            return send();
        upstream = std::make_shared<tcp::socket>(loop);
        upstream->async_connect({ asio::ip::address_v4::loopback(), upstream_port },
                                [self = shared_from_this()](error e) {
                                    if (!e)
                                        self->send();
                                });
    }

    void send()
    {
        asio::async_write(*upstream, asio::buffer(out), then(&request::wait));
    }

    void wait()
    {
        in.clear(); /* the upstream's answer is a line, and the query the line */
        asio::async_read_until(*upstream, asio::dynamic_buffer(in), query + "\n",
                               then(&request::answer));
    }

    void answer()
    {
        {
            std::lock_guard<std::mutex> held(lock);
            kept.push_back(std::move(upstream));
        }
        upstream.reset();
        query += '\n';
        out = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(query.size()) + "\r\n\r\n" +
              query;
        asio::async_write(client, asio::buffer(out), then(&request::read));
    }
};

static void accept(tcp::acceptor &listener)
{
    listener.async_accept([&listener](error e, tcp::socket s) {
        if (!e)
            std::make_shared<request>(std::move(s))->read();
        accept(listener);
    });
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    upstream_port = static_cast<unsigned short>(std::atoi(argv[2]));
    auto port = static_cast<unsigned short>(std::atoi(argv[1]));
    tcp::acceptor listener(loop, { asio::ip::address_v4::loopback(), port });
    accept(listener);
    asio::signal_set ends(loop, SIGINT, SIGTERM);
    ends.async_wait([](error, int) { loop.stop(); });
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([] { loop.run(); });
    for (auto &t : threads)
        t.join();
    return 0;
}
