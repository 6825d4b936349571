with daily as (
    select * from {{ ref('kpi_carts_daily') }}
    where event_date = {{ latest_day(ref('int_carts__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        currency,
        carts,
        bought,
        emptied,
        abandoned,
        open,
        human_carts,
        human_bought,
        human_abandoned,
        value,
        abandoned_value,
        abandonment_rate
    from daily
)

select * from final
