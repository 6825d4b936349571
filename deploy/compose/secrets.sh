#!/bin/sh
# Makes the passwords of docker-compose.yml, a file each in the folder secrets/, those that are not there yet. A value that
# an earlier release wrote into .env is taken over. `sh deploy/compose/secrets.sh`, once; safe to repeat.
#
# The folder is closed to other users of the machine. The files in it are not, since containers read them, each as a user
# of its own.
set -eu
cd "$(dirname "$0")/../.."
umask 077
mkdir -p secrets
chmod 700 secrets

keep() { # keep FILE VARIABLE DEFAULT
    [ -e "secrets/$1" ] && return
    value=$(sed -n "s/^$2=//p" .env 2>/dev/null | tail -n 1)
    printf '%s\n' "${value:-$3}" > "secrets/$1.new"
    chmod 444 "secrets/$1.new"
    mv "secrets/$1.new" "secrets/$1"
    echo "secrets/$1"
}
password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

keep postgres_password POSTGRES_PASSWORD "$(password)"
keep landfall_admin_password LANDFALL_ADMIN_PASSWORD "$(password)"
keep landing_writer_password LANDING_WRITER_PASSWORD "$(password)"
keep transformer_password TRANSFORMER_PASSWORD "$(password)"
keep bi_reader_password BI_READER_PASSWORD "$(password)"
keep dagster_password DAGSTER_PASSWORD "$(password)"
keep grafana_password GRAFANA_PASSWORD "$(password)"
keep kafka_password KAFKA_PASSWORD "$(password)"
# Where alerts go: a Slack incoming webhook, an address that takes JSON. Empty: nowhere.
keep slack_webhook_url LANDFALL_SLACK_WEBHOOK_URL ""
keep alert_webhook_url LANDFALL_ALERT_WEBHOOK_URL ""
# Of the Spark cluster (deploy/compose/cluster.yml): who may join it, and where executors find the driver.
keep spark_defaults.conf SPARK_DEFAULTS "spark.authenticate true
spark.authenticate.secret $(password)
spark.network.crypto.enabled true
spark.driver.host land
spark.driver.bindAddress 0.0.0.0"
