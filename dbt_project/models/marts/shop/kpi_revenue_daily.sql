with daily as (
    select * from {{ ref('int_revenue__daily') }}
),

final as (
    select
        event_date,
        country_name,
        currency,
        orders,
        human_orders,
        items,
        revenue,
        revenue / nullif(orders, 0) as average_order_value,
        unreadable_prices,
        unreadable_amounts
    from daily
)

select * from final
