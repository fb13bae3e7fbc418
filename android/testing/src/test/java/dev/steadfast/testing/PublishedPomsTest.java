package dev.steadfast.testing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;

import java.io.File;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathFactory;
import org.junit.Test;
import org.w3c.dom.Document;

/** Each POM that is published says what Maven Central asks of one. */
public final class PublishedPomsTest {
    private static final List<String> WANTED =
            List.of(
                    "groupId",
                    "artifactId",
                    "version",
                    "name",
                    "description",
                    "url",
                    "licenses/license/name",
                    "licenses/license/url",
                    "developers/developer/name",
                    "scm/url",
                    "scm/connection",
                    "scm/developerConnection");

    @Test
    public void nothingIsMissing() throws Exception {
        File[] poms = new File("../publish/src/main/poms").listFiles();
        assertEquals(3, poms.length);
        XPath path = XPathFactory.newInstance().newXPath();
        for (File pom : poms) {
            Document project = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(pom);
            assertEquals(pom.getName(), path.evaluate("/project/artifactId", project) + ".pom");
            for (String wanted : WANTED) {
                assertFalse(pom + " " + wanted, path.evaluate("/project/" + wanted, project).isBlank());
            }
            for (String place : List.of("url", "connection", "developerConnection")) {
                String said = path.evaluate("/project/scm/" + place, project);
                assertEquals(pom + " " + place, (place.equals("url") ? "" : "scm:git:") + "${steadfast.home}", said);
            }
        }
    }
}
