# Stands in for the image `prom/prometheus`: Debian's package, with the image's user, folders and options.
FROM landfall-trial/python
RUN apt-get update && apt-get install --yes --no-install-recommends prometheus wget \
    && install -d -o nobody -g nogroup /prometheus
USER nobody
VOLUME /prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
