import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

/** The Java client of the interop suite; see README.md. Compiles against kafka-clients 2.4 to 4.3. */
public class Client {
    static final long BASE = Long.parseLong(System.getenv("BASE_MS"));
    static String address;

    public static void main(String[] a) throws Exception {
        if (a[0].equals("codecs")) { System.out.println("none gzip snappy lz4 zstd"); return; }
        address = a[0];
        switch (a[1]) {
            case "create": create(a[2]); break;
            case "produce": produce(a[2], a[3], Integer.parseInt(a[4]), Integer.parseInt(a[5])); break;
            case "consume": consume(a[2], a[3], Integer.parseInt(a[4])); break;
            case "errors": errors(a[2]); break;
            case "member": member(a[2], a[3], a[4], a[5]); break;
            default: throw new IllegalArgumentException(a[1]);
        }
    }

    static Properties props() {
        Properties p = new Properties();
        p.put("bootstrap.servers", address);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        p.put("enable.auto.commit", "false");
        return p;
    }

    static void create(String topic) throws Exception {
        try (AdminClient admin = AdminClient.create(props())) {
            admin.createTopics(Collections.singleton(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    static void produce(String topic, String codec, int first, int count) throws Exception {
        Properties p = props();
        p.put("compression.type", codec);
        p.put("acks", "all");
        p.put("enable.idempotence", "true");
        p.put("linger.ms", "20");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = first; i < first + count; i++) {
                ProducerRecord<String, String> r =
                    new ProducerRecord<>(topic, 0, BASE + i, "key-" + i, i % 5 == 0 ? "" : "value-" + i);
                r.headers().add("n", Integer.toString(i).getBytes(StandardCharsets.UTF_8));
                sent.add(producer.send(r));
            }
            for (java.util.concurrent.Future<RecordMetadata> f : sent) f.get();
        }
    }

    static void consume(String topic, String start, int count) {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(props())) {
            TopicPartition tp = new TopicPartition(topic, 0);
            consumer.assign(Collections.singleton(tp));
            if (start.startsWith("time:")) {
                long time = Long.parseLong(start.substring(5));
                consumer.seek(tp, consumer.offsetsForTimes(Collections.singletonMap(tp, time)).get(tp).offset());
            } else {
                consumer.seek(tp, Long.parseLong(start));
            }
            StringBuilder out = new StringBuilder();
            int n = 0;
            for (long end = System.currentTimeMillis() + 20_000; n < count && System.currentTimeMillis() < end; ) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    if (n++ >= count) break;
                    out.append(r.offset()).append('\t').append(r.timestamp()).append('\t').append(r.key()).append('\t').append(r.value());
                    for (Header h : r.headers()) out.append('\t').append(h.key()).append('=').append(new String(h.value(), StandardCharsets.UTF_8));
                    out.append('\n');
                }
            }
            System.out.print(out);
        }
    }

    static void errors(String topic) throws Exception {
        Properties p = props();
        p.put("max.request.size", "10000000");
        p.put("buffer.memory", "40000000");
        p.put("max.block.ms", "5000");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            try { producer.send(new ProducerRecord<>(topic, new String(new char[2_000_000]).replace('\0', 'x'))).get(); }
            catch (ExecutionException e) { System.out.println("too-large"); }
            try { producer.send(new ProducerRecord<>("no-such-topic", "x")).get(); }
            catch (ExecutionException | org.apache.kafka.common.KafkaException e) { System.out.println("unknown-topic"); }
        }
        p.put("auto.offset.reset", "none");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            TopicPartition tp = new TopicPartition(topic, 0);
            consumer.assign(Collections.singleton(tp));
            consumer.seek(tp, 1_000_000);
            for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(200));
        } catch (OffsetOutOfRangeException e) { System.out.println("bad-offset"); }
    }

    static volatile boolean leaving;

    static void member(String topic, String group, String mode, String name) {
        Properties p = props();
        p.put("group.id", group);
        p.put("client.id", name);
        p.put("auto.offset.reset", "earliest");
        if (mode.startsWith("consumer")) {
            p.put("group.protocol", "consumer");
        } else {
            p.put("session.timeout.ms", "6000");
            p.put("heartbeat.interval.ms", "500");
        }
        if (mode.equals("cooperative")) p.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        if (mode.endsWith("static")) p.put("group.instance.id", name);
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            leaving = true;
            try { main.join(10_000); } catch (InterruptedException e) { return; }
        }));
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            consumer.subscribe(Collections.singleton(topic));
            while (!leaving) readAndCommit(consumer);
        }
    }

    static void readAndCommit(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
            System.out.println("read " + r.partition() + " " + r.offset());
            next.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
        }
        if (next.isEmpty()) return;
        try {
            consumer.commitSync(next);
        } catch (org.apache.kafka.common.KafkaException e) { // another has the partition now, or the broker is away
            System.err.println("commit: " + e);
            return;
        }
        next.forEach((tp, o) -> System.out.println("committed " + tp.partition() + " " + o.offset()));
    }
}
