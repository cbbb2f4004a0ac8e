// ROME as a program: what its SyndEntry, the one model over all formats, says.
//
//     java -cp /usr/share/java/rome.jar:... ReadRome.java VERSION FORMAT URL FILE ...

import com.rometools.rome.feed.synd.SyndContent;
import com.rometools.rome.feed.synd.SyndEnclosure;
import com.rometools.rome.feed.synd.SyndEntry;
import com.rometools.rome.io.SyndFeedInput;
import com.rometools.rome.io.XmlReader;
import java.io.File;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

public class ReadRome {
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println("{\"version\": " + quoted(arguments[0]) + "}");
        for (int at = 1; at < arguments.length; at += 3) {
            String feed = "{\"feed\": " + quoted(arguments[at + 1]);
            try (XmlReader reader = new XmlReader(new File(arguments[at + 2]))) {
                for (SyndEntry entry : new SyndFeedInput().build(reader).getEntries()) {
                    out.println(feed + ", \"entry\": " + told(entry, arguments[at]) + "}");
                }
            } catch (Exception fault) {
                out.println(feed + ", \"error\": " + quoted(fault.toString()) + "}");
            }
        }
    }

    static String told(SyndEntry entry, String format) {
        return "{\"title\": " + quoted(entry.getTitle())
            + ", \"id\": " + quoted(entry.getUri())
            + ", \"link\": " + quoted(entry.getLink())
            + ", \"published\": " + instant(entry.getPublishedDate())
            // Of RSS it reads none.
            + (format.equals("rss") ? "" : ", \"updated\": " + instant(entry.getUpdatedDate()))
            + ", \"author\": " + quoted(entry.getAuthor())
            + ", \"categories\": " + list(entry.getCategories(), one -> quoted(one.getName()))
            + ", \"content\": " + quoted(first(entry.getContents()))
            + ", \"enclosure\": " + list(entry.getEnclosures(), ReadRome::enclosure) + "}";
    }

    static String first(List<SyndContent> contents) {
        return contents.isEmpty() ? null : contents.get(0).getValue();
    }

    static String enclosure(SyndEnclosure one) {
        return "[" + quoted(one.getUrl()) + ", " + quoted(one.getType()) + ", " + one.getLength() + "]";
    }

    static String instant(Date date) {
        return date == null ? "null" : quoted(date.toInstant().toString());
    }

    static <T> String list(List<T> all, Function<T, String> told) {
        return all.stream().map(told).collect(Collectors.joining(", ", "[", "]"));
    }

    static String quoted(String text) {
        if (text == null) {
            return "null";
        }
        StringBuilder written = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            if (one == '"' || one == '\\') {
                written.append('\\').append(one);
            } else if (one < ' ') {
                written.append(String.format("\\u%04x", (int) one));
            } else {
                written.append(one);
            }
        }
        return written.append('"').toString();
    }
}
