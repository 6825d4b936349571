with daily as (
    select * from {{ ref('int_attribution__daily') }}
),

final as (
    select
        event_date,
        country_name,
        currency,
        channel,
        model,
        orders,
        revenue,
        human_orders,
        human_revenue
    from daily
)

select * from final
