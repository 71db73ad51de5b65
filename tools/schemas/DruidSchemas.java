import static java.util.Map.entry;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.DeserializationConfig;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.deser.BeanDeserializerBase;
import com.fasterxml.jackson.databind.deser.DefaultDeserializationContext;
import com.fasterxml.jackson.databind.deser.SettableBeanProperty;
import com.fasterxml.jackson.databind.deser.ValueInstantiator;
import com.fasterxml.jackson.databind.introspect.AnnotatedClass;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import com.fasterxml.jackson.databind.util.ClassUtil;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.apache.druid.initialization.DruidModule;
import org.apache.druid.jackson.DefaultObjectMapper;
import org.apache.druid.java.util.common.granularity.Granularity;
import org.apache.druid.java.util.common.granularity.GranularityType;
import org.joda.time.DateTime;
import org.joda.time.DateTimeZone;
import org.joda.time.Duration;
import org.joda.time.Interval;
import org.joda.time.Period;

/**
 * Prints what Druid's own Jackson reads as the given classes: a JSON Schema with a definition of each class.
 *
 * Jackson ignores a property that it does not know, so the definitions allow no others. `discriminator` is OpenAPI's: a
 * property, such as `type`, chooses the class. With `ignoreCase`, the case of an `enum` does not matter. The format
 * "period" is a period of ISO 8601.
 *
 * Usage: java -cp LIBRARIES DruidSchemas.java CLASS...
 */
public class DruidSchemas {
    private static final Map<Class<?>, Map<String, Object>> SCALARS = Map.ofEntries(
        entry(Boolean.class, Map.of("type", "boolean")),
        entry(Integer.class, Map.of("type", "integer", "format", "int32")),
        entry(Long.class, Map.of("type", "integer", "format", "int64")),
        entry(Float.class, Map.of("type", "number")),
        entry(Double.class, Map.of("type", "number")),
        entry(String.class, Map.of("type", "string")),
        entry(DateTime.class, Map.of("type", "string")),
        entry(DateTimeZone.class, Map.of("type", "string")),
        entry(Interval.class, Map.of("type", "string")),
        entry(Period.class, Map.of("type", "string", "format", "period")),
        entry(Duration.class, Map.of("type", List.of("string", "integer"), "format", "period")));

    private final ObjectMapper mapper = new DefaultObjectMapper();
    private final Map<String, Object> definitions = new TreeMap<>();
    private final DeserializationConfig config;
    private final DefaultDeserializationContext context;

    private DruidSchemas() throws Exception {
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (new File(path).getName().startsWith("druid-")) {
                registerModules(new JarFile(path));
            }
        }
        config = mapper.getDeserializationConfig();
        context = ((DefaultDeserializationContext) mapper.getDeserializationContext())
            .createInstance(config, mapper.createParser("{}"), null);
    }

    public static void main(String[] names) throws Exception {
        DruidSchemas schemas = new DruidSchemas();
        for (String name : names) {
            schemas.of(schemas.mapper.constructType(Class.forName(name)));
        }
        System.out.println(schemas.mapper.writeValueAsString(Map.of("$defs", schemas.definitions)));
    }

    /** The subtypes that Druid's modules add to its interfaces. */
    private void registerModules(JarFile jar) {
        jar.stream().map(entry -> entry.getName()).filter(name -> name.endsWith("Module.class")).sorted().forEach(name -> {
            try {
                String className = name.substring(0, name.length() - ".class".length()).replace('/', '.');
                Class<?> found = Class.forName(className, false, getClass().getClassLoader());
                if (DruidModule.class.isAssignableFrom(found)) {
                    ((DruidModule) found.getConstructor().newInstance()).getJacksonModules().forEach(mapper::registerModule);
                }
            } catch (ReflectiveOperationException | LinkageError skipped) {
                // Not a module that stands by itself, or one that needs libraries which the image does not have.
            }
        });
    }

    private Map<String, Object> of(JavaType type) throws Exception {
        Class<?> raw = type.isPrimitive() ? ClassUtil.wrapperType(type.getRawClass()) : type.getRawClass();
        if (SCALARS.containsKey(raw)) {
            return SCALARS.get(raw);
        }
        if (raw.isEnum()) {
            return enumeration(raw.getEnumConstants(), raw);
        }
        if (type.isCollectionLikeType() || type.isArrayType()) {
            return Map.of("type", "array", "items", of(type.getContentType()));
        }
        if (type.isMapLikeType()) {
            return Map.of("type", "object", "additionalProperties", of(type.getContentType()));
        }
        if (type.isReferenceType()) {
            return of(type.getContentType());
        }
        if (raw == Object.class || raw.getName().startsWith("java.") || raw.getName().startsWith("com.fasterxml.")) {
            return Map.of();
        }
        return define(type, null, null);
    }

    /** A reference to the definition of a class, made if there is none; `id` is what its property `key` must be. */
    private Map<String, Object> define(JavaType type, String key, String id) throws Exception {
        String path = type.getRawClass().getName();
        String name = path.substring(path.lastIndexOf('.') + 1) + (id == null ? "" : ":" + id);
        if (!definitions.containsKey(name)) {
            definitions.put(name, Map.of());  // ends the recursion of classes that contain themselves
            definitions.put(name, definition(type, key, id));
        }
        return Map.of("$ref", "#/$defs/" + name);
    }

    private Map<String, Object> definition(JavaType type, String key, String id) throws Exception {
        AnnotatedClass annotated = config.introspectClassAnnotations(type).getClassInfo();
        JsonTypeInfo info = annotated.getAnnotation(JsonTypeInfo.class);
        List<NamedType> subtypes = config.getSubtypeResolver().collectAndResolveSubtypesByTypeId(config, annotated)
            .stream()
            .filter(each -> each.hasName() && type.getRawClass().isAssignableFrom(each.getType()))
            .toList();
        boolean chosen = id == null && info != null && !subtypes.isEmpty();
        Map<String, Object> schema = chosen ? choice(info, subtypes) : object(type, key, id);
        if (type.hasRawClass(Granularity.class)) {  // Its creator takes names that no annotation lists.
            schema.put("type", List.of("string", "object"));
            schema.putAll(enumeration(GranularityType.values(), Granularity.class));
        }
        return schema;
    }

    private Map<String, Object> choice(JsonTypeInfo info, List<NamedType> subtypes) throws Exception {
        Map<String, Object> mapping = new TreeMap<>();
        Map<String, Object> schema = new TreeMap<>(Map.of("type", "object"));
        schema.put("discriminator", Map.of("propertyName", info.property(), "mapping", mapping));
        for (NamedType subtype : subtypes) {
            JavaType type = mapper.constructType(subtype.getType());
            mapping.put(subtype.getName(), define(type, info.property(), subtype.getName()).get("$ref"));
            if (subtype.getType() == info.defaultImpl()) {
                schema.put("default", subtype.getName());
                Object reader = context.findNonContextualValueDeserializer(type);
                schema.putAll(types(((BeanDeserializerBase) reader).getValueInstantiator(), true));
            }
        }
        return schema;
    }

    private Map<String, Object> object(JavaType type, String key, String id) throws Exception {
        JsonDeserializer<?> reader = null;
        try {
            reader = context.findNonContextualValueDeserializer(type);
        } catch (JsonMappingException unreadable) {
            // Druid itself cannot read it.
        }
        if (!(reader instanceof BeanDeserializerBase)) {
            System.err.println("not looked into: " + type.getRawClass().getName());
            return new TreeMap<>();
        }
        ValueInstantiator creator = ((BeanDeserializerBase) reader).getValueInstantiator();
        if (creator.canCreateUsingDelegate() || creator.canCreateUsingArrayDelegate()) {
            JavaType delegate = creator.getDelegateType(config);
            return new TreeMap<>(of(delegate == null ? creator.getArrayDelegateType(config) : delegate));
        }
        Map<String, Object> properties = new TreeMap<>();
        for (SettableBeanProperty each : (Iterable<SettableBeanProperty>) ((BeanDeserializerBase) reader)::properties) {
            if (!each.getName().isEmpty()) {  // Druid injects those without a name.
                properties.put(each.getName(), of(each.getType()));
            }
        }
        Map<String, Object> schema = new TreeMap<>(types(creator, !properties.isEmpty()));
        if (id != null) {
            properties.put(key, Map.of("const", id));
        }
        schema.put("properties", properties);
        schema.put("additionalProperties", config.introspect(type).findAnySetterAccessor() != null);
        return schema;
    }

    private static Map<String, Object> types(ValueInstantiator creator, boolean hasProperties) {
        List<String> types = new ArrayList<>();
        if (creator.canCreateFromString()) {
            types.add("string");
        }
        if (creator.canCreateFromInt() || creator.canCreateFromLong()) {
            types.add("integer");
        }
        if (hasProperties || types.isEmpty()) {
            types.add("object");
        }
        return Map.of("type", types.size() == 1 ? types.get(0) : types);
    }

    private Map<String, Object> enumeration(Object[] constants, Class<?> type) {
        List<String> names = new ArrayList<>();
        boolean ignoreCase = true;
        for (Object constant : constants) {
            String name = constant instanceof GranularityType ? constant.toString() : mapper.convertValue(constant, String.class);
            names.add(name);
            ignoreCase &= same(name.toUpperCase(), name, type) && same(name.toLowerCase(), name, type);
        }
        return new TreeMap<>(ignoreCase ? Map.of("enum", names, "ignoreCase", true) : Map.of("enum", names));
    }

    private boolean same(String text, String name, Class<?> type) {
        try {
            return mapper.convertValue(text, type).equals(mapper.convertValue(name, type));
        } catch (IllegalArgumentException refused) {
            return false;
        }
    }
}
