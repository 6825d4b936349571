# Stands in for the image `prom/alertmanager`: Debian's package, with the image's user, folders and options.
FROM landfall-trial/python
RUN apt-get update && apt-get install --yes --no-install-recommends prometheus-alertmanager wget \
    && install -d -o nobody -g nogroup /alertmanager
USER nobody
VOLUME /alertmanager
ENTRYPOINT ["prometheus-alertmanager"]
CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager", "--cluster.listen-address="]
