{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['visitor_key'],
    indexes=[{'columns': ['visitor_key'], 'unique': true}],
    meta={
        'noted': [
            {'kind': 'day', 'day': reporting_day('first_started_at')},
            {'kind': 'day', 'day': reporting_day('human_first_started_at')},
        ],
    },
) }}

with touched as (
    select distinct noted_key as visitor_key
    from ({{ noted(ref('int_visitor_sessions'), 'visitor', key='visitor_key') }}) as noted_visitors
),

-- order of sessions: by their start, ties by their first event
final as (
    select
        touched.visitor_key,
        firsts.session_key as first_session_key,
        firsts.first_event_key,
        firsts.started_at as first_started_at,
        human_firsts.first_event_key as human_first_event_key,
        human_firsts.started_at as human_first_started_at
    from touched
    left join lateral (
        select sessions.* from {{ ref('int_visitor_sessions') }} as sessions
        where touched.visitor_key = sessions.visitor_key
        order by sessions.started_at, sessions.first_event_key
        limit 1
    ) as firsts on true
    left join lateral (
        select sessions.* from {{ ref('int_visitor_sessions') }} as sessions
        where touched.visitor_key = sessions.visitor_key and not sessions.is_bot
        order by sessions.started_at, sessions.first_event_key
        limit 1
    ) as human_firsts on true
)

select * from final
