{#
    What became of each record that landed: it is the winner of its key, whose position the fact stores, or rejected, or a duplicate
    of a key held at another position, or of one that is known and has no fact: it was let go. Whatever came too late to become a fact
    (ops.late_events) is among the rejected. What is none of these is lost: `landed` less the three is shown as unexplained.
    A duplicate that differs from the winner in one of the columns `compared` is conflicting. One row per load of the ledger; a whole
    model. Filled anew, loads that were merged meanwhile are counted in those that stand for them.

    Nearly every record is the one that its fact was made of, which its position says before any of its other fields is cast. Facts are
    found by their key and its index: a join by position would have none, and be quadratic where the planner expects one new row.
#}
{% macro accounted_loads(stream, staged, fact, rejected, compared) -%}
{%- set position = ['topic_id', 'kafka_partition', 'kafka_offset'] -%}
with records as (
    select * from {{ staged }}
    where {{ new_landings(stream) }}
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

counted as (
    select
        records.load_id,
        count(*) as landed,
        count(*) filter (where {{ same_columns('records', 'facts', position) }}) as winners,
        count(*) filter (
            where
                (facts.event_key is not null and not ({{ same_columns('records', 'facts', position) }}))
                or {{ repeats_what_was_set_apart(stream) }}
                or {{ repeats_what_was_let_go(stream, position) }}
        ) as duplicates,
        count(*) filter (
            where
                facts.event_key is not null
                and not ({{ same_columns('records', 'facts', position) }})
                and ({% for column in compared %}{{ as_kept(column) }}{{ ', ' if not loop.last }}{% endfor %})
                is distinct from ({% for column in compared %}facts.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        ) as conflicting_duplicates,
        count(*) filter (where {{ came_too_late(stream, position) }}) as late,
        max(records.event_at) filter (where facts.event_key is not null and not facts.is_from_future) as newest_event_at,
        max({{ record_time('records') }}) as newest_kafka_timestamp
    from records
    left join facts on records.event_key = facts.event_key and records.rejected_reason is null
    group by 1
),

final as (
    select
        {{ standing_load(stream, 'counted.load_id') }} as load_id,
        sum(counted.landed)::bigint as landed,
        sum(counted.winners)::bigint as winners,
        sum(coalesce(rejected.rejected, 0) + counted.late)::bigint as rejected,
        sum(counted.duplicates)::bigint as duplicates,
        sum(counted.conflicting_duplicates)::bigint as conflicting_duplicates,
        max(counted.newest_event_at) as newest_event_at,
        max(counted.newest_kafka_timestamp) as newest_kafka_timestamp
    from counted
    left join rejected on counted.load_id = rejected.load_id
    group by 1
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

{# Whether a record is the first of its key, and came when its time was before the bound of facts (let_go.sql). #}
{% macro came_too_late(stream, position) -%}
    (
        {{ something_is_let_go([stream]) }} and facts.event_key is null and records.rejected_reason is null and exists (
            select from ops.late_events as late
            where
                late.stream = '{{ stream }}' and late.event_key = records.event_key
                and {{ same_columns('late', 'records', position) }}
        )
    )
{%- endmacro %}

{# Whether it has the key of a fact that was let go, or of an earlier one that came too late. #}
{% macro repeats_what_was_let_go(stream, position) -%}
    (
        {{ something_is_let_go([stream]) }} and facts.event_key is null and records.rejected_reason is null
        and ops.was_let_go('{{ stream }}', records.event_key) and not {{ came_too_late(stream, position) }}
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
