with daily as (
    select * from {{ ref('int_revenue__daily') }}
),

-- over an order's currencies
countries as (
    select
        event_date,
        country_name,
        sum(first_orders)::bigint as orders,
        sum(first_human_orders)::bigint as human_orders,
        sum(items) as items,
        sum(unreadable_prices)::bigint as unreadable_prices,
        sum(unreadable_amounts)::bigint as unreadable_amounts
    from daily
    group by 1, 2
),

final as (
    select
        event_date,
        country_name,
        orders,
        human_orders,
        items,
        items / nullif(orders, 0) as items_per_order,
        unreadable_prices,
        unreadable_amounts
    from countries
)

select * from final
