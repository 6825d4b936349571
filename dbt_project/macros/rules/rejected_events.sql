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
    Whether a landed record was set apart, because a model failed on it again and again (warehouse/set_apart.py). Everything that is asked
    of each record stands in a `case` behind it, which looks no further. Whether there are any is asked once a query, and not for each
    record (1.5 µs). `record`: the relation that has its position.
#}
{% macro is_set_apart(stream, record='read') -%}
    (select exists (select from ops.events_set_apart where stream = '{{ stream }}'))
    and exists (
        select from ops.events_set_apart as apart
        where
            apart.stream = '{{ stream }}'
            and apart.topic_id = {{ record }}.topic_id
            and apart.kafka_partition = {{ record }}.kafka_partition
            and apart.kafka_offset = {{ record }}.kafka_offset
    )
{%- endmacro %}


{#
    The same as a join, `apart.of_topic is not null`: for views that are read whole. Postgres' workers share a join, and no such subquery of
    each record. `record`: as above.
#}
{% macro join_set_apart(stream, record) -%}
    left join (
        select
            topic_id as of_topic,
            kafka_partition as of_partition,
            kafka_offset as at_offset
        from ops.events_set_apart
        where stream = '{{ stream }}'
    ) as apart
        on
            {{ record }}.topic_id = apart.of_topic
            and {{ record }}.kafka_partition = apart.of_partition
            and {{ record }}.kafka_offset = apart.at_offset
{%- endmacro %}


{#
    What several columns of a staging view need, worked out once a record and not where each of them uses it: Postgres puts no function that
    gives rows in another's place. Its workers can share that, which they could not with a lateral subquery, and bounds on other columns reach
    what is beneath. Null for what was set apart. It stands alone in the list of a subquery, which has is_set_apart beneath.
#}
{% macro worked_out_once(expression) -%}
    unnest(array[case when not is_set_apart then {{ expression }} end])
{%- endmacro %}
