{{ config(
    incremental_strategy='insert_new',
    indexes=[{'columns': ['(' ~ text_key(page_of_url('referrer_url')) ~ ')']}],
) }}

with staged as (
    select * from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

urls as (
    select distinct coalesce(referrer_url, '') as referrer_url from staged
),

final as (
    select
        {{ text_key('referrer_url') }} as referrer_key,
        referrer_url,
        {{ text_key(url_host('referrer_url')) }} as referrer_host_key,
        {{ url_host('referrer_url') }} as referrer_host
    from urls
)

select * from final
