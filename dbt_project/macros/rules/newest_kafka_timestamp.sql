{#
    The newest Kafka time of a stream's loads up to this one. Only the last thousand loads are looked at, a quarter of an hour of a stream
    that lands all the time: the ledger of a year has half a billion slices. A time that is ahead of the commit is a producer's clock, and
    would hide every lag behind it.
#}
{% macro newest_kafka_timestamp(stream, load_id) -%}
    (
        select max(least(slices.max_kafka_timestamp, slices.committed_at)) from {{ source('ledger', 'slices') }} as slices
        where slices.stream = {{ stream }} and slices.load_id <= {{ load_id }} and slices.load_id > {{ load_id }} - 1000
    )
{%- endmacro %}
