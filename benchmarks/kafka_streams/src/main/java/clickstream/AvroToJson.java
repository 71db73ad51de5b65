package clickstream;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Avro in, JSON out, exactly once. The schema is parsed once, reader, decoder and buffers are reused, fields are
 * written straight to a streaming JSON generator: as fast as the usual libraries let one record at a time be.
 * Arguments: bootstrap servers, schema file, input topic, output topic, application id, threads.
 */
public final class AvroToJson {
    private static final JsonFactory JSON = new JsonFactory();

    private AvroToJson() {}

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(Path.of(args[1]).toFile());
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[4]);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[5]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/" + args[4]);
        settings.put("consumer.auto.offset.reset", "earliest");
        settings.put("consumer.max.poll.records", "5000");
        settings.put("producer.compression.type", "lz4");
        settings.put("producer.batch.size", "1000000");
        settings.put("producer.linger.ms", "2");

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .mapValues(new Converter(schema)::convert)
                .to(args[3], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    /** Everything that can be reused is kept per thread. */
    private static final class Converter {
        private final Schema.Field[] fields;
        private final ThreadLocal<State> states;

        private Converter(Schema schema) {
            this.fields = schema.getFields().toArray(new Schema.Field[0]);
            this.states = ThreadLocal.withInitial(() -> new State(schema));
        }

        private byte[] convert(byte[] datum) {
            State state = states.get();
            try {
                state.decoder = DecoderFactory.get().binaryDecoder(datum, state.decoder);
                state.record = state.reader.read(state.record, state.decoder);
                state.out.reset();
                try (JsonGenerator json = JSON.createGenerator(state.out)) {
                    json.writeStartObject();
                    for (Schema.Field field : fields) {
                        json.writeFieldName(field.name());
                        write(json, state.record.get(field.pos()));
                    }
                    json.writeEndObject();
                }
                return state.out.toByteArray();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        private static void write(JsonGenerator json, Object value) throws IOException {
            if (value == null) {
                json.writeNull();
            } else if (value instanceof CharSequence) {
                json.writeString(value.toString());
            } else if (value instanceof Long) {
                json.writeNumber((Long) value);
            } else if (value instanceof Integer) {
                json.writeNumber((Integer) value);
            } else if (value instanceof Double) {
                json.writeNumber((Double) value);
            } else {
                json.writeBoolean((Boolean) value);
            }
        }
    }

    private static final class State {
        private final GenericDatumReader<GenericRecord> reader;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
        private BinaryDecoder decoder;
        private GenericRecord record;

        private State(Schema schema) {
            this.reader = new GenericDatumReader<>(schema, schema, new GenericData());
        }
    }
}
