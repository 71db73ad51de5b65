import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidList;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.storage.internals.log.LogConfig;

/**
 * Prints Kafka's settings of a topic as a JSON Schema. Kafka takes every value as text; the types say what it reads.
 *
 * Usage: java -cp LIBRARIES KafkaSchemas.java
 */
public class KafkaSchemas {
    private static final Pattern RANGE = Pattern.compile("\\[(-?\\d+),\\.\\.\\.(?:,(-?\\d+))?\\]");

    private static final Map<Type, Map<String, Object>> TYPES = Map.of(
        Type.BOOLEAN, Map.of("type", "boolean"),
        Type.INT, Map.of("type", "integer", "format", "int32"),
        Type.LONG, Map.of("type", "integer", "format", "int64"),
        Type.DOUBLE, Map.of("type", "number"),
        Type.LIST, Map.of("type", "array"),
        Type.STRING, Map.of("type", "string"));

    public static void main(String[] none) throws Exception {
        Map<String, Object> settings = new TreeMap<>();
        for (ConfigKey key : LogConfig.configKeys().values()) {
            if (!key.internalConfig) {
                settings.put(key.name, setting(key));
            }
        }
        Map<String, Object> topic = Map.of("type", "object", "properties", settings, "additionalProperties", false);
        System.out.println(new com.fasterxml.jackson.databind.ObjectMapper()
            .writeValueAsString(Map.of("$defs", Map.of("topic", topic))));
    }

    /** Validators tell their ranges only as text; of one that is not known, nothing is taken over. */
    private static Map<String, Object> setting(ConfigKey key) {
        Map<String, Object> schema = new TreeMap<>(TYPES.get(key.type));
        String allowed = String.valueOf(key.validator);
        Matcher range = RANGE.matcher(allowed);
        if (range.matches()) {
            schema.put("minimum", Long.valueOf(range.group(1)));
            if (range.group(2) != null) {
                schema.put("maximum", Long.valueOf(range.group(2)));
            }
        } else if (key.validator instanceof ValidList) {
            schema.put("items", Map.of("enum", names(allowed)));
        } else if (key.validator instanceof ValidString) {
            schema.put("enum", names(allowed));
        }
        return schema;
    }

    private static List<String> names(String allowed) {
        return Arrays.asList(allowed.substring(1, allowed.length() - 1).split(", "));
    }
}
