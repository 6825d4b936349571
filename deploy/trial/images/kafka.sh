#!/bin/bash
set -euo pipefail
# Of the image: the same for everybody who names none.
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
java=(java -cp "/opt/kafka/libs/*" -Dlog4j2.configurationFile=/etc/kafka/docker/log4j2.properties)
said=$("${java[@]}" -Xmx128m kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
    --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1) \
    || grep --ignore-case "already formatted" <<< "$said" || { echo "$said"; exit 1; }
# Words apart, as there.
exec "${java[@]}" $KAFKA_HEAP_OPTS kafka.Kafka /opt/kafka/config/server.properties
