{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    meta={'event_day': 'event_date'},
) }}

with touched as (
    select noted_day as event_date
    from (
        {{ noted(ref('int_visitor_orders'), 'day', day=reporting_day('event_at')) }}
        union
        {{ noted(ref('int_order_credits'), 'day', day=reporting_day('event_at')) }}
    ) as noted_days
    where noted_day is not null
    union
    {{ recounted_days() }}
),

orders as (
    select
        touched.event_date,
        orders.order_key,
        orders.event_key,
        orders.country_name,
        orders.is_bot
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.event_date = {{ reporting_day('orders.event_at') }}
),

-- as int_revenue__daily has them
amounts as (
    select
        orders.event_date,
        orders.order_key,
        orders.country_name,
        orders.is_bot,
        coalesce(lines.currency, {{ unknown_currency() }}) as currency,
        coalesce(sum(lines.line_total), 0) as revenue
    from orders
    left join {{ ref('fct_order_lines') }} as lines on orders.event_key = lines.event_key
    group by 1, 2, 3, 4, 5
),

final as (
    select
        amounts.event_date,
        amounts.country_name,
        amounts.currency,
        credits.channel,
        credits.model,
        sum(credits.credit) as orders,
        sum(credits.credit * amounts.revenue) as revenue,
        coalesce(sum(credits.credit) filter (where not amounts.is_bot), 0) as human_orders,
        coalesce(sum(credits.credit * amounts.revenue) filter (where not amounts.is_bot), 0) as human_revenue
    from amounts
    inner join {{ ref('int_order_credits') }} as credits on amounts.order_key = credits.order_key
    group by 1, 2, 3, 4, 5
    union all
    -- a bucket without rows
    select
        event_date,
        null as country_name,
        null as currency,
        null as channel,
        null as model,
        null as orders,
        null as revenue,
        null as human_orders,
        null as human_revenue
    from touched
)

select * from final
