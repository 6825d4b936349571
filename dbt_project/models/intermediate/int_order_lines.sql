{{ config(
    incremental_strategy='insert_new',
    indexes=[{'columns': ['changed_load_id']}],
) }}

with new_orders as (
    select * from {{ ref('int_product_events') }}
    where order_key is not null and {{ new_loads('product_views') }}
),

final as (
    select
        new_orders.event_key,
        line.place as line_number,
        {{ value_or_null("line.json ->> 'product_id'") }} as product_id,
        {{ line_amount('line.json') }} as amount,
        {{ line_price('line.json') }} as price,
        line.json ->> 'amount' as amount_text,
        line.json ->> 'price' as price_text,
        {{ value_or_null("line.json ->> 'currency'") }} as currency_text,
        new_orders.load_id,
        new_orders.load_id as changed_load_id
    from new_orders
    cross join lateral json_array_elements({{ json_array('new_orders.cart_products') }}) with ordinality as line (json, place)
)

select * from final
