# Stands in for the image `apache/kafka`, as far as docker-compose.yml uses it: the jars of jvm/jars.lock, the same users and
# folders, and Kafka's own program that turns variables into its configuration.
FROM landfall-trial/python
RUN apt-get update && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && groupadd --gid 1000 appuser && useradd --uid 1000 --gid 1000 --create-home appuser \
    && install -d -o appuser -g appuser /opt/kafka/config /opt/kafka/logs /mnt/shared/config \
    && install -d -o appuser -g root -m 775 /var/lib/kafka/data /etc/kafka/docker
COPY jars /opt/kafka/libs
COPY log4j2.yaml /etc/kafka/docker/log4j2.yaml
COPY log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
COPY server.properties log4j2.properties /etc/kafka/docker/
COPY kafka.sh /etc/kafka/docker/run
USER appuser
VOLUME ["/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
