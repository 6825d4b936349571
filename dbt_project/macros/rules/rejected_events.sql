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
    -- what a model failed on is not looked at again
    case when rejected_reason <> 'set_apart' then left({{ key_text }}, 100) end as key_text,
    case when rejected_reason <> 'set_apart' then left({{ time_text }}, 100) end as time_text,
    kafka_timestamp,
    landed_at
from events
where rejected_reason is not null
{%- endmacro %}


{#
    Whether a landed record was set apart, because a model failed on it again and again (warehouse/set_apart.py). It comes first of what
    rejected_reason looks at: a `case` looks no further, so nothing else is asked of such a record. Whether there are any is asked once a
    query, and not for each record (1.5 µs).
#}
{% macro is_set_apart(stream) -%}
    (select exists (select from ops.events_set_apart where stream = '{{ stream }}'))
    and exists (
        select from ops.events_set_apart as apart
        where
            apart.stream = '{{ stream }}'
            and apart.topic_id = read.topic_id
            and apart.kafka_partition = read.kafka_partition
            and apart.kafka_offset = read.kafka_offset
    )
{%- endmacro %}
