{#
    The newest Kafka time of a stream's loads up to this one. Only the last thousand loads are looked at, a quarter of an hour of a stream
    that lands all the time: the ledger of a year has half a billion slices.
#}
{% macro newest_kafka_timestamp(stream, load_id) -%}
    (
        select max(slices.max_kafka_timestamp) from {{ source('ledger', 'slices') }} as slices
        where slices.stream = {{ stream }} and slices.load_id <= {{ load_id }} and slices.load_id > {{ load_id }} - 1000
    )
{%- endmacro %}
