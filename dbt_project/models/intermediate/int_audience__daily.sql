{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    meta={'event_day': 'event_date'},
) }}

-- days of sessions that changed, of visitors whose first session is another now, of sessions with another order
with touched as (
    select noted_day as event_date
    from (
        {{ noted(ref('int_product_sessions'), 'day', day=reporting_day('started_at')) }}
        union
        {{ noted(ref('int_visitor_sessions'), 'day', day=reporting_day('started_at')) }}
        union
        {{ noted(ref('int_visitor_firsts'), 'day', day=reporting_day('first_started_at')) }}
        union
        {{ noted(ref('int_visitor_orders'), 'session_day', day=reporting_day('session_started_at')) }}
    ) as noted_days
    where noted_day is not null
    union
    {{ recounted_days() }}
),

orders as (
    select
        orders.session_key,
        count(*) as orders
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.event_date = {{ reporting_day('orders.session_started_at') }}
    group by orders.session_key
),

sessions as (
    select
        touched.event_date,
        rules.country_name,
        rules.channel,
        sessions.session_key,
        sessions.visitor_key,
        not sessions.is_bot as is_human,
        sessions.first_event_key = firsts.first_event_key as is_new,
        {{ reporting_day('firsts.first_started_at') }} < touched.event_date as is_returning,
        sessions.first_event_key = firsts.human_first_event_key as is_human_new,
        not sessions.is_bot and {{ reporting_day('firsts.human_first_started_at') }} < touched.event_date as is_human_returning
    from touched
    inner join {{ ref('int_visitor_sessions') }} as sessions on touched.event_date = {{ reporting_day('sessions.started_at') }}
    inner join {{ ref('int_product_sessions__with_rules') }} as rules on sessions.session_key = rules.session_key
    inner join {{ ref('int_visitor_firsts') }} as firsts on sessions.visitor_key = firsts.visitor_key
),

-- distinct visitors do not add up, so the whole day is counted beside its countries and channels
final as (
    select
        sessions.event_date,
        grouping(sessions.country_name) = 1 as is_whole_day,
        case when grouping(sessions.country_name) = 1 then '(all)' else sessions.country_name end as country_name,
        case when grouping(sessions.country_name) = 1 then '(all)' else sessions.channel end as channel,
        count(*) as sessions,
        count(distinct sessions.visitor_key) as visitors,
        count(*) filter (where sessions.is_new) as new_visitors,
        count(distinct sessions.visitor_key) filter (where sessions.is_returning) as returning_visitors,
        coalesce(sum(orders.orders), 0)::bigint as orders,
        count(*) filter (where sessions.is_human) as human_sessions,
        count(distinct sessions.visitor_key) filter (where sessions.is_human) as human_visitors,
        count(*) filter (where sessions.is_human_new) as human_new_visitors,
        count(distinct sessions.visitor_key) filter (where sessions.is_human_returning) as human_returning_visitors,
        coalesce(sum(orders.orders) filter (where sessions.is_human), 0)::bigint as human_orders
    from sessions
    left join orders on sessions.session_key = orders.session_key
    group by grouping sets ((sessions.event_date), (sessions.event_date, sessions.country_name, sessions.channel))
    union all
    -- a bucket without rows
    select
        event_date,
        null as is_whole_day,
        null as country_name,
        null as channel,
        null as sessions,
        null as visitors,
        null as new_visitors,
        null as returning_visitors,
        null as orders,
        null as human_sessions,
        null as human_visitors,
        null as human_new_visitors,
        null as human_returning_visitors,
        null as human_orders
    from touched
)

select * from final
