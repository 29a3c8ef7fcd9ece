import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** Sends one hello for each setting: java Connect.java PORT SETTING..., where a setting is "default" or "TLSv1", with
 *  "+name" behind it if it shall have a server name. */
public class Connect {
    public static void main(String[] args) throws Exception {
        for (int i = 1; i < args.length; i++) {
            hello(Integer.parseInt(args[0]), args[i]);
        }
    }

    private static void hello(int port, String setting) throws Exception {
        String protocol = setting.replace("+name", "");
        try (Socket plain = new Socket()) {
            plain.connect(new InetSocketAddress("127.0.0.1", port), 10_000);
            SSLSocket socket = (SSLSocket) SSLContext.getDefault().getSocketFactory().createSocket(plain, "127.0.0.1", port, true);
            SSLParameters parameters = socket.getSSLParameters();
            if (!protocol.equals("default")) {
                parameters.setProtocols(new String[] {protocol});
            }
            if (setting.endsWith("+name")) {
                parameters.setServerNames(List.of(new SNIHostName("bridge.example")));
            }
            socket.setSSLParameters(parameters);
            socket.startHandshake();
        } catch (java.io.IOException expected) {
            // The listener has its hello and hangs up.
        }
    }
}
