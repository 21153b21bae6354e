// An application server on Node: one event loop, timers, an agent that keeps
// connections to the upstream and lends them to any request.
//
//     node http_node.js PORT [UPSTREAM_PORT]        ends at SIGINT
//
// /leaf?QUERY (answers QUERY)  /hello  /echo  /chain?QUERY (timer, upstream's /leaf?QUERY, timer)
'use strict';
const http = require('http');
const port = Number(process.argv[2]);
const upstreamPort = Number(process.argv[3] || 0);
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
let seed = 7;
const dice = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
const later = (what) => setTimeout(what, dice() * 4);

function upstream(path, done) {
  const request = http.get({ host: '127.0.0.1', port: upstreamPort, path, agent }, (response) => {
    const parts = [];
    response.on('data', (part) => parts.push(part));
    response.on('end', () => done(Buffer.concat(parts)));
  });
  request.on('error', (error) => done(Buffer.from(`error ${error.code}\n`)));
}

const server = http.createServer((request, response) => {
  const [path, query = ''] = request.url.split('?');
  const answer = (body) => {
    response.writeHead(200, { 'Content-Length': body.length });
    response.end(body);
  };
  if (path === '/leaf') return answer(Buffer.from(query + '\n'));
  if (path === '/chain') {
    return later(() => upstream('/leaf?' + query, (body) => later(() => answer(body))));
  }
  if (path === '/echo') {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => answer(Buffer.concat(parts)));
    return undefined;
  }
  return answer(Buffer.from('hello\n'));
});
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', 1024);
process.on('SIGINT', () => process.exit(0));
