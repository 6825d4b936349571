# The application's image (target `landfall`): every service of docker-compose.yml but the servers of others; and the same
# with Apache Superset (target `dashboards`).

# By version. To pin what is behind it too, name a digest: docs/how-to/deploy.md says how.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE} AS landfall

# Spark needs a Java; 17 is Debian's, and of a version that Spark and Kafka are released for.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /opt/landfall

# What changes seldom comes first: an edited model rebuilds neither the packages nor the jars.
# What comes as source is built by a pinned setuptools, and not by whichever pip would fetch for it.
COPY requirements-build.lock requirements.lock ./
RUN python -m pip install --no-deps --require-hashes --requirement requirements-build.lock \
    && python -m pip install --no-deps --no-build-isolation --require-hashes --requirement requirements.lock

# Of the package landfall only what fetching imports.
COPY landfall/__init__.py landfall/errors.py landfall/layout.py landfall/logs.py landfall/plain_text.py ./landfall/
COPY jvm ./jvm
RUN python -m jvm.jars && rm -rf build/ivy

COPY pyproject.toml README.md LICENSE ./
COPY landfall ./landfall
COPY cli ./cli
COPY database ./database
COPY local_stack ./local_stack
COPY landing_stream ./landing_stream
COPY erasure ./erasure
COPY enrichment ./enrichment
COPY warehouse ./warehouse
COPY simulator ./simulator
COPY orchestration ./orchestration
COPY reports ./reports
COPY health ./health
COPY monitoring ./monitoring
COPY exports ./exports
COPY explain ./explain
COPY dashboards ./dashboards
COPY new_stream ./new_stream
COPY deploy/container ./deploy/container
COPY dbt_project ./dbt_project
COPY requirements-superset.lock ./
RUN python -m pip install --no-deps --no-build-isolation --no-index --editable .

# Parsed once here: no run parses it again, and Dagster refuses a manifest older than the models.
RUN cd dbt_project && DBT_PROFILES_DIR=. dbt --quiet parse && rm -rf logs

# The user can write to its state and to /tmp, to nothing else; the root file system may be read-only.
RUN groupadd --gid 10001 landfall \
    && useradd --uid 10001 --gid 10001 --no-log-init --home-dir /var/lib/landfall --create-home landfall \
    && install --directory --owner landfall --group landfall --mode 700 \
       /var/lib/landfall /var/lib/landfall/state /var/lib/landfall/dagster /certificates
USER 10001:10001
ENV LANDFALL_HOME=/var/lib/landfall/state \
    DAGSTER_HOME=/var/lib/landfall/dagster \
    DBT_PROFILES_DIR=/opt/landfall/dbt_project \
    DBT_LOG_PATH=/tmp/dbt \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYSPARK_PYTHON=python
CMD ["landfall", "--help"]

# Superset's packages do not go together with ours: they are in an environment of their own, which 0.9 GB are.
FROM landfall AS dashboards
USER 0:0
RUN python -m dashboards.superset.environment
USER 10001:10001
ENV LANDFALL_LISTEN_ADDRESS=0.0.0.0
CMD ["landfall", "dashboards"]
