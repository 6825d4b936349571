with pages as (
    select * from {{ ref('int_pages') }}
),

shown as (
    select
        page_key,
        {{ url_without_query('page_url') }} as page_url,
        host
    from pages
),

final as (
    select
        page_key,
        page_url,
        host,
        {{ url_path('page_url') }} as path
    from shown
)

select * from final
