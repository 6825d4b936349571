with products as (
    select * from {{ ref('int_products') }}
),

final as (
    select
        product_key,
        product_id
    from products
)

select * from final
