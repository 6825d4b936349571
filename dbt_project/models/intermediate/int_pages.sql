{{ config(tags=['cold'], incremental_strategy='insert_new') }}

-- The same address comes again and again (of 300,000 events some 18,000), so events hold its key: 16 bytes instead of 130.
with staged as (
    select * from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

pages as (
    select
        page_key,
        min(current_url) as page_url
    from staged
    where page_key is not null
    group by 1
),

final as (
    select
        page_key,
        page_url,
        -- here and not in dim_page: who reads marts alone may not call what tells hosts
        {{ url_host('page_url') }} as host
    from pages
)

select * from final
