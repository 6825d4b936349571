{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['order_key'],
    meta={
        'noted': [{'kind': 'day', 'day': reporting_day('event_at')}],
        'partial_indexes': [{'columns': ['order_key'], 'where': 'is_cut'}],
    },
) }}

-- sessions that came, went, or are another touch now
with noted_visits as (
    {{ noted(ref('int_visitor_sessions'), 'visit', key='visitor_key', day=utc_day('started_at')) }}
    union
    select
        sessions.visitor_key as noted_key,
        {{ utc_day('sessions.started_at') }} as noted_day,
        null as noted_number
    from ({{ noted(ref('int_product_sessions'), 'session', key='session_key') }}) as noted_sessions
    inner join {{ ref('int_visitor_sessions') }} as sessions on noted_sessions.noted_key = sessions.session_key
),

-- orders of their visitors, from the session's day on until it is too long ago
touched as (
    select noted_key as order_key from ({{ noted(ref('int_visitor_orders'), 'order', key='order_key') }}) as noted_orders
    union
    select orders.order_key
    from noted_visits
    inner join {{ ref('int_visitor_orders') }} as orders
        on
            noted_visits.noted_key = orders.visitor_key
            and orders.event_at >= noted_visits.noted_day::timestamp at time zone 'UTC'
            and orders.event_at < (noted_visits.noted_day + 1)::timestamp at time zone 'UTC'
            + interval '{{ var("attribution_lookback_hours") }} hours'
    union
    select noted_key as order_key
    from ({{ keys_of_recounted_days(ref('int_visitor_orders'), 'order_key', 'event_at') }}) as recounted_orders
    union
    -- a session that began too long before its order is still its own
    select orders.order_key
    from ({{ noted(ref('int_product_sessions'), 'session', key='session_key') }}) as noted_own
    inner join {{ ref('int_visitor_sessions') }} as sessions on noted_own.noted_key = sessions.session_key
    inner join {{ ref('int_visitor_orders') }} as orders
        on sessions.visitor_key = orders.visitor_key and sessions.session_key = orders.session_key
),

orders as (
    select orders.*
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.order_key = orders.order_key
),

-- the newest sessions of the visitor within the look-back, both ends included, and one more, which says that there are more
paths as (
    select
        orders.order_key,
        orders.event_at,
        path.session_key,
        path.started_at,
        path.first_event_key
    from orders
    inner join lateral (
        select sessions.* from {{ ref('int_visitor_sessions') }} as sessions
        where
            orders.visitor_key = sessions.visitor_key
            and sessions.started_at
            between orders.event_at - interval '{{ var("attribution_lookback_hours") }} hours' and orders.event_at
        order by sessions.started_at desc, sessions.first_event_key desc
        limit {{ var('attribution_max_touches') }} + 1
    ) as path on true
    union all
    -- none of them: the order's own session alone
    select
        orders.order_key,
        orders.event_at,
        own.session_key,
        own.started_at,
        own.first_event_key
    from orders
    inner join {{ ref('int_visitor_sessions') }} as own on orders.session_key = own.session_key
    where
        not exists (
            select from {{ ref('int_visitor_sessions') }} as sessions
            where
                orders.visitor_key = sessions.visitor_key
                and sessions.started_at
                between orders.event_at - interval '{{ var("attribution_lookback_hours") }} hours' and orders.event_at
        )
),

numbered as (
    select
        *,
        row_number() over (partition by order_key order by started_at desc, first_event_key desc) as newest_first,
        count(*) over (partition by order_key) > {{ var('attribution_max_touches') }} as is_cut
    from paths
),

with_channels as (
    select
        numbered.*,
        rules.touch_channel as channel,
        bool_or(rules.touch_channel <> 'direct') over (partition by numbered.order_key) as has_known
    from numbered
    inner join {{ ref('int_product_sessions__with_rules') }} as rules on numbered.session_key = rules.session_key
    where numbered.newest_first <= {{ var('attribution_max_touches') }}
),

known as (
    select
        order_key,
        event_at,
        channel,
        is_cut,
        row_number() over (partition by order_key order by started_at, first_event_key) as place,
        count(*) over (partition by order_key) as touches
    from with_channels
    where channel <> 'direct' or not has_known
),

-- what each model credits each touch with
credits as (
    select
        order_key,
        event_at,
        'last' as model,
        channel,
        is_cut,
        1::numeric as credit
    from with_channels
    where newest_first = 1
    union all
    select
        known.order_key,
        known.event_at,
        models.model,
        known.channel,
        known.is_cut,
        case models.model
            when 'first' then case when known.place = 1 then 1 end
            when 'last_non_direct' then case when known.place = known.touches then 1 end
            when 'linear' then 1.0 / known.touches
            when 'position' then case
                when known.touches <= 2 then 1.0 / known.touches
                when known.place in (1, known.touches) then 0.4
                else 0.2 / (known.touches - 2)
            end
        end::numeric as credit
    from known
    cross join (values ('first'), ('last_non_direct'), ('linear'), ('position')) as models (model)
    union all
    -- an order without a session
    select
        orders.order_key,
        orders.event_at,
        models.model,
        '(none)' as channel,
        false as is_cut,
        1::numeric as credit
    from orders
    cross join (values ('last'), ('first'), ('last_non_direct'), ('linear'), ('position')) as models (model)
    where orders.session_key is null
),

final as (
    select
        order_key,
        model,
        channel,
        event_at,
        sum(credit) as credit,
        bool_or(is_cut) as is_cut
    from credits
    where credit is not null
    group by order_key, model, channel, event_at
    union all
    -- a bucket without rows
    select
        order_key,
        null as model,
        null as channel,
        null as event_at,
        null as credit,
        null as is_cut
    from touched
)

select * from final
