import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Makes a broker's topics match a list. Arguments: brokers, replication factor. Standard input, one topic a line:
 * name, partitions, retention in milliseconds. Missing topics are created, existing ones get the retention and,
 * when they have too few, the partitions of the list; nothing is ever removed.
 */
public final class Topics {
  private record Topic(String name, int partitions, String retention) {}

  private static final int ATTEMPTS = 40;
  private static final long PAUSE_MS = 250;

  public static void main(String[] args) throws Exception {
    var wanted = read();
    var settings = new Properties();
    settings.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 60_000);
    try (var admin = Admin.create(settings)) {
      int created = 0;
      for (int attempt = 1; ; attempt++) {
        try {
          var existing = new ArrayList<Topic>();
          created += create(admin, wanted, Short.parseShort(args[1]), existing);
          adjust(admin, existing);
          awaitLeaders(admin, wanted);
          System.out.printf("%d topics created, %d checked%n", created, wanted.size() - created);
          return;
        } catch (ExecutionException failure) {
          // Under load a broker may not know yet what its controller has made.
          if (!(failure.getCause() instanceof UnknownTopicOrPartitionException) || attempt == ATTEMPTS) {
            throw failure;
          }
          Thread.sleep(PAUSE_MS);
        }
      }
    }
  }

  /** Creates what is missing and says how many those were; the others are added to {@code existing}. */
  private static int create(Admin admin, List<Topic> wanted, short replicas, List<Topic> existing) throws Exception {
    var present = admin.listTopics().names().get();
    var missing = new ArrayList<NewTopic>();
    for (var topic : wanted) {
      if (present.contains(topic.name())) {
        existing.add(topic);
      } else {
        missing.add(new NewTopic(topic.name(), topic.partitions(), replicas)
            .configs(Map.of(TopicConfig.RETENTION_MS_CONFIG, topic.retention())));
      }
    }
    admin.createTopics(missing).all().get();
    return missing.size();
  }

  private static void adjust(Admin admin, List<Topic> existing) throws Exception {
    Map<String, TopicDescription> described =
        admin.describeTopics(existing.stream().map(Topic::name).toList()).allTopicNames().get();
    var growing = new HashMap<String, NewPartitions>();
    var retention = new HashMap<ConfigResource, Collection<AlterConfigOp>>();
    for (var topic : existing) {
      if (described.get(topic.name()).partitions().size() < topic.partitions()) {
        growing.put(topic.name(), NewPartitions.increaseTo(topic.partitions()));
      }
      var entry = new ConfigEntry(TopicConfig.RETENTION_MS_CONFIG, topic.retention());
      retention.put(new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
          List.of(new AlterConfigOp(entry, AlterConfigOp.OpType.SET)));
    }
    admin.createPartitions(growing).all().get();
    admin.incrementalAlterConfigs(retention).all().get();
  }

  /** A topic exists before its partitions can be written to: asking each for its end waits until it can. */
  private static void awaitLeaders(Admin admin, List<Topic> topics) throws Exception {
    var ends = new HashMap<TopicPartition, OffsetSpec>();
    for (var topic : topics) {
      for (int partition = 0; partition < topic.partitions(); partition++) {
        ends.put(new TopicPartition(topic.name(), partition), OffsetSpec.latest());
      }
    }
    admin.listOffsets(ends).all().get();
  }

  private static List<Topic> read() throws Exception {
    var topics = new ArrayList<Topic>();
    try (var lines = new BufferedReader(new InputStreamReader(System.in))) {
      for (String line; (line = lines.readLine()) != null; ) {
        var fields = line.trim().split("\\s+");
        if (fields.length == 3) {
          topics.add(new Topic(fields[0], Integer.parseInt(fields[1]), fields[2]));
        }
      }
    }
    return topics;
  }
}
