package dev.steadfast.sample;

import java.io.File;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Merges the manifest of a library into that of an app, as far as these two need it: what the library declares is appended,
 * and the app's own lowest system counts. The Android Gradle plugin does it for an app of your own.
 */
final class ManifestMerge {
    private ManifestMerge() {}

    public static void main(String[] arguments) throws Exception {
        DocumentBuilder builder = DocumentBuilderFactory.newInstance().newDocumentBuilder();
        Document app = builder.parse(new File(arguments[0]));
        Element library = builder.parse(new File(arguments[1])).getDocumentElement();
        Element application = (Element) app.getElementsByTagName("application").item(0);
        for (Node node = library.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeName().equals("application")) {
                append(node, application);
            } else if (node instanceof Element && !node.getNodeName().equals("uses-sdk")) {
                app.getDocumentElement().insertBefore(app.importNode(node, true), application);
            }
        }
        TransformerFactory.newInstance().newTransformer().transform(new DOMSource(app), new StreamResult(new File(arguments[2])));
    }

    private static void append(Node children, Element to) {
        for (Node node = children.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element) {
                to.appendChild(to.getOwnerDocument().importNode(node, true));
            }
        }
    }
}
