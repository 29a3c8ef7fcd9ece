// Sends one hello for each setting: node connect.js PORT SETTING..., a setting being "default", "1.0", "1.1" or "1.2",
// with "+name" behind it if it shall have a server name. Written so that Node.js 0.8 runs it too.
var tls = require('tls');

var port = +process.argv[2];
var settings = process.argv.slice(3);

function next() {
  var setting = settings.shift();
  if (!setting) return;
  var options = {host: '127.0.0.1', port: port, rejectUnauthorized: false};
  var version = setting.replace('+name', '');
  if (setting !== version) options.servername = 'bridge.example';
  if (version !== 'default') {
    var name = version === '1.0' ? 'TLSv1' : 'TLSv' + version;
    if (tls.DEFAULT_MAX_VERSION) { // from Node.js 12 on
      options.minVersion = options.maxVersion = name;
      if (version !== '1.2') options.ciphers = 'DEFAULT@SECLEVEL=0';
    } else {
      options.secureProtocol = name.replace('.', '_') + '_method';
    }
  }
  var socket = tls.connect(port, '127.0.0.1', options);
  var gone = false;
  function ended() {
    if (!gone) next();
    gone = true;
  }
  socket.on('error', ended); // the listener has its hello and hangs up
  socket.on('close', ended);
}

next();
