# WEBrick, one thread per connection:  ruby http_webrick.rb PORT        ends at SIGINT
require 'webrick'
server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: ARGV[0].to_i, AccessLog: [],
                                 DoNotReverseLookup: true, ServerName: 'webrick', ServerSoftware: 'webrick',
                                 Logger: WEBrick::Log.new(File::NULL))
server.mount_proc('/') do |request, response|
  response.body = request.path == '/echo' ? request.body.to_s : "hello\n"
end
trap('INT') { server.shutdown }
server.start
