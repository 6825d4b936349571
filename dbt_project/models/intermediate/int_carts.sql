{% set gap = "interval '" ~ var('cart_gap_hours') ~ " hours'" %}
{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['visitor_key'],
    indexes=[{'columns': [reporting_day('opened_at')]}, {'columns': ['last_event_at']}],
    meta={'noted': [{'kind': 'day', 'day': reporting_day('opened_at')}]},
) }}

with noted_visitors as (
    {{ noted(ref('int_visitor_sessions'), 'visitor', key='visitor_key') }}
    union
    {{ noted(ref('int_visitor_orders'), 'visitor', key='visitor_key') }}
    union
    {{ keys_of_recounted_days(ref('int_visitor_sessions'), 'visitor_key', 'started_at') }}
    union
    select
        sessions.visitor_key as noted_key,
        null as noted_day,
        null as noted_number
    from ({{ noted(ref('int_cart_events'), 'device', key='device_key') }}) as noted_devices
    inner join {{ ref('int_visitor_sessions') }} as sessions on noted_devices.noted_key = sessions.device_key
),

touched as (
    select distinct noted_key as visitor_key from noted_visitors
    where noted_key is not null
),

success as (
    select max(step_order) as step_order from {{ ref('shop_funnel_steps') }}
    where step = 'success'
),

-- what the visitor did to carts, on every device
events as (
    select
        touched.visitor_key,
        found.*
    from touched
    inner join {{ ref('int_visitor_sessions') }} as sessions on touched.visitor_key = sessions.visitor_key
    inner join lateral (
        select
            events.event_key,
            events.device_key,
            events.event_at,
            events.step_order,
            events.kind,
            events.price,
            events.currency,
            events.country_name,
            events.is_bot
        from {{ ref('int_cart_events') }} as events
        where sessions.device_key = events.device_key and events.event_at between sessions.started_at and sessions.ended_at
        order by events.event_at
    ) as found on true
    union all
    select
        touched.visitor_key,
        orders.event_key,
        orders.device_key,
        orders.event_at,
        coalesce(success.step_order, 0) as step_order,
        'report' as kind,
        null as price,
        null as currency,
        orders.country_name,
        orders.is_bot
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.visitor_key = orders.visitor_key
    cross join success
),

-- an empty page of a cart is of the stretch that the cart event before it begins
stretches as (
    select
        *,
        row_number() over in_order as place,
        count(*) filter (where kind <> 'empty') over in_order as stretch
    from events
    window in_order as (partition by visitor_key order by event_at, step_order, event_key)
),

-- the first empty page in it on the same device empties the cart, while there is one
with_beginnings as (
    select
        *,
        first_value(device_key) over of_stretch as begun_on,
        first_value(kind) over of_stretch as begun_with,
        first_value(event_at) over of_stretch as begun_at
    from stretches
    where stretch > 0
    window of_stretch as (partition by visitor_key, stretch order by place)
),

emptying as (
    select
        visitor_key,
        stretch,
        min(place) as place
    from with_beginnings
    where kind = 'empty' and device_key = begun_on and begun_with <> 'report' and event_at - begun_at <= {{ gap }}
    group by visitor_key, stretch
),

-- events of carts: what was put in, looked at, bought, and what emptied them
of_carts as (
    select found.*
    from with_beginnings as found
    left join emptying on found.visitor_key = emptying.visitor_key and found.stretch = emptying.stretch
    where found.kind <> 'empty' or found.place = emptying.place
),

cut as (
    select
        *,
        kind <> 'empty' and coalesce(
            lag(kind) over in_order in ('report', 'empty') or event_at - lag(event_at) over in_order > {{ gap }},
            true
        ) as opens
    from of_carts
    window in_order as (partition by visitor_key order by place)
),

numbered as (
    select
        *,
        count(*) filter (where opens) over (partition by visitor_key order by place) as cart_number
    from cut
),

with_currency as (
    select
        *,
        coalesce(
            (array_agg(currency) filter (where kind = 'add' and price is not null) over of_cart)[1],
            '(none)'
        ) as cart_currency
    from numbered
    window of_cart as (
        partition by visitor_key, cart_number order by place rows between unbounded preceding and unbounded following
    )
),

final as (
    select
        visitor_key,
        (array_agg(event_key order by place))[1] as first_event_key,
        min(event_at) as opened_at,
        max(event_at) as last_event_at,
        case
            when bool_or(kind = 'report') then 'bought'
            when bool_or(kind = 'empty') then 'emptied'
            else 'unfinished'
        end as outcome,
        count(*) filter (where kind = 'add') as adds,
        min(cart_currency) as currency,
        coalesce(sum(price) filter (where kind = 'add' and currency = cart_currency), 0) as value,
        count(*) filter (where kind = 'add' and currency is distinct from cart_currency) as unvalued_adds,
        bool_or(is_bot) as is_bot,
        (array_agg(country_name order by place))[1] as country_name
    from with_currency
    group by visitor_key, cart_number
    union all
    -- a bucket without rows
    select
        visitor_key,
        null as first_event_key,
        null as opened_at,
        null as last_event_at,
        null as outcome,
        null as adds,
        null as currency,
        null as value,
        null as unvalued_adds,
        null as is_bot,
        null as country_name
    from touched
)

select * from final
