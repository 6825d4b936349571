{{ config(incremental_strategy='insert_new') }}

with new_events as (
    select * from {{ ref('int_product_events') }}
    where {{ new_loads('product_views') }}
),

final as (
    select
        product_key,
        {{ or_none('min(product_id)') }} as product_id
    from new_events
    group by 1
)

select * from final
