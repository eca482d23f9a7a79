import java.io.*;
import java.nio.file.*;
import java.util.zip.*;

/** Unpacks .gz and .zip files, read as streams from front to back, to files of the same names with .unpacked; after -t
 *  only tests them. */
class Unpack {
    public static void main(String[] paths) throws IOException {
        boolean test = false;
        for (String path : paths) {
            if (path.equals("-t")) {
                test = true;
                continue;
            }
            try (InputStream file = new BufferedInputStream(Files.newInputStream(Path.of(path)));
                    OutputStream out = test ? OutputStream.nullOutputStream() : Files.newOutputStream(Path.of(path + ".unpacked"))) {
                if (path.endsWith(".gz")) {
                    new GZIPInputStream(file).transferTo(out);
                } else {
                    ZipInputStream archive = new ZipInputStream(file);
                    archive.getNextEntry();
                    archive.transferTo(out);
                    // Reads the descriptor behind the data, and finds the directory.
                    if (archive.getNextEntry() != null) throw new IOException("more than one entry");
                }
            }
        }
    }
}
