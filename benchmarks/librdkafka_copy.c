/* Copies a topic to another with librdkafka alone, in the converter's transactions but without Python and without
 * conversion: the ceiling for avro-to-json.   librdkafka_copy BROKERS FROM TO GROUP BATCH
 */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t running = 1;
static char reason[512];

static void on_signal(int number) {
    (void)number;
    running = 0;
}

static void require(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s: %s\n", what, reason);
        exit(1);
    }
}

static void done(rd_kafka_error_t *error, const char *what) {
    if (error) {
        fprintf(stderr, "%s: %s\n", what, rd_kafka_error_string(error));
        exit(1);
    }
}

static rd_kafka_conf_t *configuration(const char *const settings[][2]) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (int i = 0; settings[i][0]; i++)
        require(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason)) == RD_KAFKA_CONF_OK,
                settings[i][0]);
    return conf;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: %s BROKERS FROM TO GROUP BATCH\n", arguments[0]);
        return 64;
    }
    const char *brokers = arguments[1], *from = arguments[2], *to = arguments[3], *group = arguments[4];
    const size_t batch = strtoul(arguments[5], NULL, 10);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);

    /* The sizes are the converter's (avro_to_json/clients.py). */
    const char *const reading[][2] = {{"bootstrap.servers", brokers},
                                      {"group.id", group},
                                      {"isolation.level", "read_committed"},
                                      {"enable.auto.commit", "false"},
                                      {"auto.offset.reset", "earliest"},
                                      {"queued.max.messages.kbytes", "32768"},
                                      {"fetch.queue.backoff.ms", "5"},
                                      {"fetch.max.bytes", "16777216"},
                                      {"max.partition.fetch.bytes", "8388608"},
                                      {NULL, NULL}};
    const char *const writing[][2] = {{"bootstrap.servers", brokers},
                                      {"transactional.id", group},
                                      {"compression.type", "lz4"},
                                      {"linger.ms", "2"},
                                      {"batch.size", "1000000"},
                                      {"queue.buffering.max.kbytes", "65536"},
                                      {"queue.buffering.max.messages", "1000000"},
                                      {NULL, NULL}};
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, configuration(reading), reason, sizeof(reason));
    require(consumer != NULL, "consumer");
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, configuration(writing), reason, sizeof(reason));
    require(producer != NULL, "producer");
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_t *target = rd_kafka_topic_new(producer, to, NULL);
    done(rd_kafka_init_transactions(producer, 30000), "init_transactions");
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, from, RD_KAFKA_PARTITION_UA);
    require(rd_kafka_subscribe(consumer, topics) == RD_KAFKA_RESP_ERR_NO_ERROR, "subscribe");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t **messages = calloc(batch, sizeof(*messages));

    while (running) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 20, messages, batch);
        rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);
        for (ssize_t i = 0; i < got; i++) {
            rd_kafka_message_t *message = messages[i];
            if (!message->err) {
                if (!offsets->cnt)
                    done(rd_kafka_begin_transaction(producer), "begin_transaction");
                while (rd_kafka_produce(target, message->partition, RD_KAFKA_MSG_F_COPY, message->payload, message->len,
                                        message->key, message->key_len, NULL) == -1)
                    rd_kafka_poll(producer, 10);
                rd_kafka_topic_partition_t *place =
                    rd_kafka_topic_partition_list_find(offsets, from, message->partition);
                if (!place)
                    place = rd_kafka_topic_partition_list_add(offsets, from, message->partition);
                place->offset = message->offset + 1;
            }
            rd_kafka_message_destroy(message);
        }
        if (offsets->cnt) {
            rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer);
            done(rd_kafka_send_offsets_to_transaction(producer, offsets, metadata, 30000), "send_offsets");
            rd_kafka_consumer_group_metadata_destroy(metadata);
            done(rd_kafka_commit_transaction(producer, 30000), "commit_transaction");
        }
        rd_kafka_topic_partition_list_destroy(offsets);
    }
    rd_kafka_consumer_close(consumer);
    return 0;
}
