{{ config(tags=['cold'], incremental_strategy='insert_new') }}

-- The same address comes again and again (of 300,000 events some 18,000), so events hold its key: 16 bytes instead of 130.
with staged as (
    select * from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

urls as (
    select distinct current_url from staged
    where current_url is not null
),

-- keys of the different addresses, and not of each event's
pages as (
    select
        {{ text_key('current_url') }} as page_key,
        min(current_url) as page_url
    from urls
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
