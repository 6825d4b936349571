{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['visitor_key'],
) }}

with noted_visitors as (
    {{ noted(ref('int_visitor_sessions'), 'visitor', key='visitor_key') }}
    union
    {{ noted(ref('int_visitor_orders'), 'visitor', key='visitor_key') }}
),

touched as (
    select distinct noted_key as visitor_key from noted_visitors
    where noted_key is not null
),

orders as (
    select
        touched.visitor_key,
        count(*) as orders,
        min(orders.event_at) as first_order_at
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.visitor_key = orders.visitor_key
    group by touched.visitor_key
),

sessions as (
    select
        touched.visitor_key,
        min(sessions.identified_by) as identified_by,
        count(distinct sessions.device_key) as devices,
        bool_or(sessions.is_on_shared_device) as is_on_shared_device,
        count(*) as sessions,
        count(*) filter (where not sessions.is_bot) as human_sessions,
        sum(sessions.events)::bigint as events,
        sum(sessions.views)::bigint as views,
        min(sessions.started_at) as first_seen_at,
        max(sessions.ended_at) as last_seen_at
    from touched
    inner join {{ ref('int_visitor_sessions') }} as sessions on touched.visitor_key = sessions.visitor_key
    group by touched.visitor_key
),

-- without a session a bucket without rows: its column of the key is null
final as (
    select
        touched.visitor_key,
        sessions.identified_by,
        sessions.devices,
        sessions.is_on_shared_device,
        sessions.sessions,
        sessions.human_sessions,
        sessions.events,
        sessions.views,
        coalesce(orders.orders, 0) as orders,
        orders.first_order_at,
        sessions.first_seen_at,
        sessions.last_seen_at
    from touched
    left join sessions on touched.visitor_key = sessions.visitor_key
    left join orders on touched.visitor_key = orders.visitor_key
)

select * from final
