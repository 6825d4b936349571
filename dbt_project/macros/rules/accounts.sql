{#
    What became of each record that landed: it is the winner of its key, whose position the fact stores, or rejected, or a duplicate
    of a key held at another position. Whatever is none of these is lost: `landed` less the three is shown as unexplained.
    A duplicate that differs from the winner in one of the columns `compared` is conflicting. One row per load; a whole model.

    Nearly every record is the one that its fact was made of. Its position says so; only the others are looked up by their key and compared.
#}
{% macro accounted_loads(stream, staged, fact, rejected, compared) -%}
{%- set position = ['topic_id', 'kafka_partition', 'kafka_offset'] -%}
with landed as (
    select
        load_id,
        count(*) as landed,
        max({{ record_time() }}) as newest_kafka_timestamp
    from {{ staged }}
    where {{ new_landings(stream) }}
    group by 1
),

-- facts that were made of these records
made as (
    select
        load_id,
        {{ position | join(',\n        ') }},
        event_at,
        is_from_future
    from {{ fact }}
    where
        {{ unread_loads(stream, 'load_id') }}
        -- follows from that, and is what the index is over
        and changed_load_id > {{ position_of(stream) }}
),

winners as (
    select
        load_id,
        count(*) as winners,
        max(event_at) filter (where not is_from_future) as newest_event_at
    from made
    group by 1
),

-- all the others
records as (
    select * from {{ staged }} as staged
    where
        {{ new_landings(stream) }}
        and not exists (select from made where {{ same_columns('made', 'staged', position) }})
),

facts as (
    select * from {{ fact }}
),

rejected as (
    select
        load_id,
        count(*) as rejected
    from {{ rejected }}
    where {{ unread_loads(stream, 'load_id') }}
    group by 1
),

duplicates as (
    select
        records.load_id,
        count(*) filter (
            where facts.event_key is not null or {{ repeats_what_was_set_apart(stream) }}
        ) as duplicates,
        count(*) filter (
            where
                facts.event_key is not null
                and ({% for column in compared %}{{ as_kept(column) }}{{ ', ' if not loop.last }}{% endfor %})
                is distinct from ({% for column in compared %}facts.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        ) as conflicting_duplicates,
        max(records.event_at) filter (where facts.event_key is not null and not facts.is_from_future) as newest_event_at
    from records
    left join facts on records.event_key = facts.event_key and records.rejected_reason is null
    group by 1
),

final as (
    select
        landed.load_id,
        landed.landed,
        coalesce(winners.winners, 0) as winners,
        coalesce(rejected.rejected, 0) as rejected,
        coalesce(duplicates.duplicates, 0) as duplicates,
        coalesce(duplicates.conflicting_duplicates, 0) as conflicting_duplicates,
        greatest(winners.newest_event_at, duplicates.newest_event_at) as newest_event_at,
        landed.newest_kafka_timestamp
    from landed
    left join winners on landed.load_id = winners.load_id
    left join rejected on landed.load_id = rejected.load_id
    left join duplicates on landed.load_id = duplicates.load_id
)

select * from final
{%- endmacro %}

{# Whether a record has the key of a fact that was taken away after it had been found to be its duplicate (see is_set_apart). #}
{% macro repeats_what_was_set_apart(stream) -%}
    (
        facts.event_key is null and records.rejected_reason is null and exists (
            select from ops.events_set_apart as apart
            where apart.stream = '{{ stream }}' and apart.event_key = records.event_key
        )
    )
{%- endmacro %}

{#
    How often each value of a few columns came, ever, for what ops.data_quality counts; which of them are odd is asked when it is
    read, so a host that is mapped later is odd no more. `kinds`: {kind: expression}; nulls are not counted. `sets`: {kind: query of one
    column}, for a field that holds several values, which count once an event. A whole model.
#}
{% macro counted_values(stream, fact, kinds, sets={}) -%}
with facts as (
    select * from {{ fact }}
    where
        {{ unread_loads(stream, 'load_id') }}
        -- follows from that, and is what the index is over
        and changed_load_id > {{ position_of(stream) }}
),

found as (
    select
        kinds.kind,
        left(kinds.value, 200) as value,
        facts.load_id,
        -- who asks for the newest days is to see a record of a file, which has no Kafka time, and not for a year one of a clock ahead
        {{ record_time('facts') }} as kafka_timestamp
    from facts
    cross join lateral (
        values
        {%- for kind, expression in kinds.items() %}
        ('{{ kind }}', {{ expression }}) {{- ',' if not loop.last }}
        {%- endfor %}
        {%- for kind, query in sets.items() %}
        union all
        select
            '{{ kind }}' as kind,
            several.value
        from ({{ query }}) as several (value)
        {%- endfor %}
    ) as kinds (kind, value)
    where kinds.value is not null
),

final as (
    select
        kind,
        value,
        count(*) as events,
        max(load_id) as newest_load_id,
        max(kafka_timestamp) as newest_kafka_timestamp
    from found
    group by 1, 2
)

select * from final
{%- endmacro %}
