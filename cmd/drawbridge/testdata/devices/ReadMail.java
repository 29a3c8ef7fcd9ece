import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** Reads the first message at TLS 1.0: java ReadMail.java PROTOCOL MODE PORT CA_FILE. */
public class ReadMail {
    private static final String HOST = "127.0.0.1";
    private static final int TIMEOUT_MS = 10_000;

    private Socket socket;

    public static void main(String[] args) throws Exception {
        new ReadMail().read(args[0].equals("imap"), args[1].equals("implicit"), Integer.parseInt(args[2]), args[3]);
    }

    private void read(boolean imap, boolean implicit, int port, String caFile) throws Exception {
        socket = new Socket();
        socket.setSoTimeout(TIMEOUT_MS);
        socket.connect(new InetSocketAddress(HOST, port), TIMEOUT_MS);
        if (!implicit) {
            await(imap ? "* OK" : "+OK", "\r\n");
            say(imap ? "s STARTTLS" : "STLS");
            await(imap ? "s OK" : "+OK", "\r\n");
        }
        socket = secure(socket, port, caFile);
        if (implicit) {
            await(imap ? "* OK" : "+OK", "\r\n");
        }
        String login = System.getenv("LOGIN");
        String password = System.getenv("PASSWORD");
        System.out.write((imap ? readImap(login, password) : readPop3(login, password)).getBytes(StandardCharsets.ISO_8859_1));
        System.out.flush();
        socket.close();
    }

    private String readImap(String login, String password) throws IOException {
        say("a LOGIN " + login + " " + password);
        await("a OK", "\r\n");
        say("b SELECT INBOX");
        await("b OK", "\r\n");
        say("c FETCH 1 BODY.PEEK[]");
        String message = await("c OK", "\r\n");
        say("d LOGOUT");
        await("d OK", "\r\n");
        return message;
    }

    private String readPop3(String login, String password) throws IOException {
        say("USER " + login);
        await("+OK", "\r\n");
        say("PASS " + password);
        await("+OK", "\r\n");
        say("RETR 1");
        String message = await("+OK", "\r\n.\r\n");
        say("QUIT");
        await("+OK", "\r\n");
        return message;
    }

    /** Layers TLS 1.0 over a connected socket, as JavaMail does it, for implicit TLS and STARTTLS alike. */
    private static SSLSocket secure(Socket raw, int port, String caFile) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(caFile))) {
            roots.setCertificateEntry("bridge", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(roots);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLSocket secured = (SSLSocket) context.getSocketFactory().createSocket(raw, HOST, port, true);
        SSLParameters parameters = secured.getSSLParameters();
        parameters.setProtocols(new String[] {"TLSv1"});
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secured.setSSLParameters(parameters);
        secured.startHandshake();
        System.err.println(secured.getSession().getProtocol() + " " + secured.getSession().getCipherSuite());
        return secured;
    }

    private void say(String line) throws IOException {
        socket.getOutputStream().write((line + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Reads until a line has begun with start and, from there on, end has come. */
    private String await(String start, String end) throws IOException {
        StringBuilder heard = new StringBuilder();
        while (true) {
            int from = heard.indexOf(start);
            if (from >= 0 && (from == 0 || heard.charAt(from - 1) == '\n') && heard.indexOf(end, from) >= 0) {
                return heard.toString();
            }
            int c = socket.getInputStream().read();
            if (c < 0) {
                throw new IOException("closed while waiting for " + start + ", heard: " + heard);
            }
            heard.append((char) c);
        }
    }
}
