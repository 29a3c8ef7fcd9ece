// Reads the first message at TLS 1.0: node old-node.js PROTOCOL MODE PORT CA_FILE.
// Written for Node.js 0.8, whose OpenSSL 1.0.0 knows nothing newer than TLS 1.0.
var fs = require('fs');
var net = require('net');
var tls = require('tls');

var HOST = '127.0.0.1';
var protocol = process.argv[2];
var mode = process.argv[3];
var port = +process.argv[4];
var ca = fs.readFileSync(process.argv[5]);
var login = process.env.LOGIN;
var password = process.env.PASSWORD;

// What is sent, and the answer that ends the wait for it.
var dialogs = {
  imap: {
    greeting: /^\* OK .*\r\n/,
    starttls: ['s STARTTLS', /^s OK .*\r\n/],
    steps: [
      ['a LOGIN ' + login + ' ' + password, /^a OK /m],
      ['b SELECT INBOX', /^b OK /m],
      ['c FETCH 1 BODY.PEEK[]', /^c OK /m],
      ['d LOGOUT', /^d OK /m]
    ]
  },
  pop3: {
    greeting: /^\+OK .*\r\n/,
    starttls: ['STLS', /^\+OK.*\r\n/],
    steps: [
      ['USER ' + login, /^\+OK.*\r\n/],
      ['PASS ' + password, /^\+OK.*\r\n/],
      ['RETR 1', /\r\n\.\r\n/],
      ['QUIT', /^\+OK.*\r\n/]
    ]
  }
};

function fail(why) {
  process.stderr.write(why + '\n');
  process.exit(1);
}

// converse says the steps on stream, each after the answer to the one before, then calls done.
function converse(stream, steps, done) {
  var heard = '';
  var next = 0;
  function advance() {
    while (next < steps.length && (steps[next][1] === null || steps[next][1].test(heard))) {
      process.stdout.write(heard);
      heard = '';
      next++;
      if (next < steps.length && steps[next][0]) {
        stream.write(steps[next][0] + '\r\n');
      }
    }
    if (next === steps.length) {
      stream.removeListener('data', listen);
      done();
    }
  }
  function listen(data) {
    heard += data.toString('binary');
    if (next < steps.length) {
      advance();
    }
  }
  stream.on('data', listen);
  if (steps[0][0]) {
    stream.write(steps[0][0] + '\r\n');
  }
}

function secure(options, steps) {
  options.ca = [ca];
  options.rejectUnauthorized = true;
  var stream = tls.connect(options, function () {
    if (!stream.authorized) {
      fail('the certificate does not verify: ' + stream.authorizationError);
    }
    process.stderr.write('OpenSSL ' + process.versions.openssl + ', ' + JSON.stringify(stream.getCipher()) + '\n');
    converse(stream, steps, function () { stream.end(); process.exit(0); });
  });
  stream.on('error', function (err) { fail('tls: ' + err.message); });
}

setTimeout(function () { fail('no end after 10 s'); }, 10000);
var dialog = dialogs[protocol];
var greeting = ['', dialog.greeting];
if (mode === 'implicit') {
  secure({host: HOST, port: port}, [greeting].concat(dialog.steps));
} else {
  var raw = net.connect(port, HOST, function () {
    converse(raw, [greeting, dialog.starttls], function () { secure({socket: raw}, dialog.steps); });
  });
  raw.on('error', function (err) { fail('tcp: ' + err.message); });
}
