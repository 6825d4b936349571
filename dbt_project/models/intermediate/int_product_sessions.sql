{% set gap = "interval '" ~ var('session_gap') ~ "'" %}
{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['session_key'],
    indexes=[
        {'columns': ['changed_load_id']},
        {'columns': ['device_key', 'ended_at']},
        {'columns': [reporting_day('started_at')]},
    ],
    meta={
        'event_day': reporting_day('started_at'),
        'noted': [
            {'kind': 'device', 'key': 'device_key'},
            {'kind': 'session', 'key': 'session_key'},
            {'kind': 'day', 'day': reporting_day('started_at')},
        ],
    },
) }}

{#
    Sessions of a device are more than a gap apart, so new events change those sessions alone that lie within a gap of them. What is
    worked out again is not the device's history (a crawler's is long) but these stretches of time, whole sessions each.
#}
with new_events as (
    select
        device_key,
        event_at,
        coalesce(event_at - lag(event_at) over (partition by device_key order by event_at) > {{ gap }}, true) as starts_run
    from {{ ref('int_product_events') }}
    where device_id is not null and {{ new_loads('product_views') }}
),

numbered_events as (
    select
        *,
        count(*) filter (where starts_run) over (partition by device_key order by event_at) as run_number
    from new_events
),

runs as (
    select
        device_key,
        min(event_at) as first_at,
        max(event_at) as last_at
    from numbered_events
    group by device_key, run_number
),

-- as far as the sessions reach that a run touches, one on either side at most
stretches as (
    select
        runs.device_key,
        least(runs.first_at, earlier.started_at) as starts_at,
        greatest(runs.last_at, later.ended_at) as ends_at
    from runs
    left join lateral (
        select sessions.started_at
        from {{ this }} as sessions
        where runs.device_key = sessions.device_key and sessions.ended_at >= runs.first_at - {{ gap }}
        order by sessions.ended_at
        limit 1
    ) as earlier on true
    left join lateral (
        select case when sessions.started_at <= runs.last_at + {{ gap }} then sessions.ended_at end as ended_at
        from {{ this }} as sessions
        where runs.device_key = sessions.device_key and sessions.ended_at > runs.last_at
        order by sessions.ended_at
        limit 1
    ) as later on true
    union all
    -- all that is left of a device that has another key now
    select
        device_key,
        min(started_at) as starts_at,
        max(ended_at) as ends_at
    from {{ this }}
    where device_key in ({{ changed_keys('product_views', 'device') }})
    group by device_key
),

joining_stretches as (
    select
        *,
        coalesce(
            starts_at - max(ends_at) over (
                partition by device_key order by starts_at, ends_at rows between unbounded preceding and 1 preceding
            ) > {{ gap }},
            true
        ) as is_apart
    from stretches
),

numbered_stretches as (
    select
        *,
        count(*) filter (where is_apart) over (partition by device_key order by starts_at, ends_at) as stretch_number
    from joining_stretches
),

touched as (
    select
        device_key,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at
    from numbered_stretches
    group by device_key, stretch_number
),

-- `order by` keeps this a look into the index for each stretch: joined otherwise, each event of a long-lived device would meet
-- each stretch of it
events as (
    select
        found.*,
        coalesce(found.event_at - lag(found.event_at) over of_device > {{ gap }}, true) as starts_session
    from touched
    inner join lateral (
        select readable.*
        from {{ ref('int_product_events__with_rules') }} as readable
        where
            touched.device_key = readable.device_key
            and readable.event_at between touched.starts_at and touched.ends_at
            and readable.is_production
            and not {{ is_of_let_go_session('product_views', 'readable', 'device_key') }}
            and {{ readable_loads('product_views', 'readable.load_id') }}
        order by readable.event_at, readable.event_key
    ) as found on true
    window of_device as (partition by found.device_key order by found.event_at, found.event_key)
),

numbered as (
    select
        *,
        count(*) filter (where starts_session) over (partition by device_key order by event_at, event_key) as session_number
    from events
),

funnel_steps as (
    select * from {{ ref('shop_funnel_steps') }}
),

rebuilt as (
    select
        numbered.device_key,
        min(numbered.event_at) as started_at,
        max(numbered.event_at) as ended_at,
        (array_agg(numbered.event_key) filter (where numbered.starts_session))[1] as first_event_key,
        min(numbered.host) filter (where numbered.starts_session) as host,
        min(numbered.store_id) filter (where numbered.starts_session) as store_id,
        (array_agg(numbered.referrer_key) filter (where numbered.starts_session))[1] as referrer_key,
        (array_agg(numbered.referrer_host_key) filter (where numbered.starts_session))[1] as referrer_host_key,
        bool_or(numbered.is_paid) filter (where numbered.starts_session) as is_paid,
        count(*) as events,
        count(*) filter (where numbered.is_view) as views,
        count(*) filter (where funnel_steps.counts_as = 'cart') as carts,
        count(*) filter (where funnel_steps.counts_as = 'checkout') as checkouts,
        count(*) filter (where funnel_steps.step = 'success') as orders,
        bool_or(numbered.is_bot) as is_bot,
        max(numbered.changed_load_id) as changed_load_id
    from numbered
    left join funnel_steps on numbered.event_type = funnel_steps.event_type
    group by numbered.device_key, numbered.session_number
),

final as (
    select
        {{ text_key("device_key || ' ' || extract(epoch from started_at)") }} as session_key,
        device_key,
        started_at,
        ended_at,
        first_event_key,
        host,
        store_id,
        referrer_key,
        referrer_host_key,
        is_paid,
        events,
        views,
        carts,
        checkouts,
        orders,
        is_bot,
        changed_load_id
    from rebuilt
    union all
    -- sessions as they were: buckets without rows, unless they come out anew
    select
        sessions.session_key,
        null as device_key,
        null as started_at,
        null as ended_at,
        null as first_event_key,
        null as host,
        null as store_id,
        null as referrer_key,
        null as referrer_host_key,
        null as is_paid,
        null as events,
        null as views,
        null as carts,
        null as checkouts,
        null as orders,
        null as is_bot,
        null as changed_load_id
    from touched
    inner join {{ this }} as sessions
        on
            touched.device_key = sessions.device_key
            and sessions.ended_at between touched.starts_at and touched.ends_at
)

select * from final
