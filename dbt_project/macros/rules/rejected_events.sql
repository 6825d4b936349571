{# Landed events that no mart can count, each with its reason and the start of what stood in the field. One row per record. #}
{% macro rejected_events(stream, staged, key_text, time_text) -%}
with events as (
    select * from {{ staged }}
    where {{ new_landings(stream) }}
)

select
    load_id,
    topic_id,
    kafka_partition,
    kafka_offset,
    rejected_reason as reason,
    left({{ key_text }}, 100) as key_text,
    left({{ time_text }}, 100) as time_text,
    kafka_timestamp,
    landed_at
from events
where rejected_reason is not null
{%- endmacro %}
