# The application's image: every service of docker-compose.yml but Postgres and Kafka.
FROM python:3.11.14-slim-bookworm

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
COPY requirements.lock ./
RUN python -m pip install --no-deps --require-hashes --requirement requirements.lock

COPY jvm ./jvm
COPY landfall ./landfall
RUN python -m jvm.jars && rm -rf build/ivy

COPY pyproject.toml README.md LICENSE ./
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
COPY dbt_project ./dbt_project
RUN python -m pip install --no-deps --no-build-isolation --no-index --editable .

# Parsed once here: no run parses it again, and Dagster refuses a manifest older than the models.
RUN cd dbt_project && DBT_PROFILES_DIR=. dbt --quiet parse

# The user can write to its state and to dbt's target folder, to nothing else.
RUN useradd --system --uid 10001 --home-dir /var/lib/landfall --create-home landfall \
    && mkdir -p /var/lib/landfall/dagster \
    && chown -R landfall:landfall /var/lib/landfall dbt_project/target \
    && mkdir -p dbt_project/logs && chown landfall:landfall dbt_project/logs
USER landfall
ENV LANDFALL_HOME=/var/lib/landfall/state \
    DAGSTER_HOME=/var/lib/landfall/dagster \
    DBT_PROFILES_DIR=/opt/landfall/dbt_project \
    PYSPARK_PYTHON=python
CMD ["landfall", "--help"]
